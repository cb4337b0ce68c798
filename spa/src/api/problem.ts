import type { KnownProblemCode } from './generated/client.schemas';

/** A field that breaks a rule, as the server says it. */
export interface FieldProblem {
  /** JSON pointer, such as `/email`, or the name of a parameter. */
  pointer: string;
  code: string;
  /** The end of a sentence that begins with the field's name, in the page's language. */
  detail: string;
}

/** Parameters of a problem's text. */
export type ProblemParams = Record<string, string | number>;

/** An answer that is no success (RFC 9457). Its texts are in the page's language: the server has one catalogue of them for pages and mails. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly params: ProblemParams = {},
    readonly errors: FieldProblem[] = [],
    readonly requestId: string | null = null,
    /** Milliseconds after which it may be asked for again, where the server says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(`${status} ${code}`);
  }
}

/** No answer came, or one that is not ours. */
export const UNREACHABLE = 'unreachable';

/** Whether the same request may do better a little later. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ApiProblem && (error.code === UNREACHABLE || error.status === 503 || error.status === 504);

/** Codes that pages know. Others may come, and are like none of them. */
export type Code = KnownProblemCode | typeof UNREACHABLE;

/** The code of a problem; none of what is no problem of the API's. */
export const codeOf = (error: unknown): Code | undefined => (error instanceof ApiProblem ? (error.code as Code) : undefined);

/** Why what was asked for is refused, as the end of a sentence that begins with it; none of any other failure. To ask again changes nothing. */
export const refusalOf = (error: unknown): string | undefined =>
  error instanceof ApiProblem && error.errors.length > 0 ? error.errors.map((one) => one.detail).join(' · ') : undefined;

/** Milliseconds before the nth attempt after a failure, from 0: as the server asks, else 2, 4, 8 s. */
export const delayBefore = (attempt: number, error: unknown): number =>
  (error instanceof ApiProblem ? error.retryAfter : null) ?? 2_000 * 2 ** attempt;

/** An answer that has come whole. */
export interface Answered {
  head: Response;
  text: string;
}

/** Reads an answer that is no success. */
export const readProblem = ({ head, text }: Answered): ApiProblem => {
  const retryAfter = Number(head.headers.get('retry-after')) * 1000 || null;
  try {
    const body = JSON.parse(text) as Partial<ApiProblem>;
    if (typeof body.code !== 'string') throw new TypeError('no problem');
    const { code, detail = '', params = {}, errors = [], requestId = null } = body;
    return new ApiProblem(head.status, code, detail, params, errors, requestId, retryAfter);
  } catch {
    const id = head.headers.get('x-request-id');
    return new ApiProblem(head.status, UNREACHABLE, '', {}, [], id, retryAfter);
  }
};
