import { session } from '../session/current';
import { readLocale } from '../words/locale';
import { lastPosition } from './position';
import { type Answered, ApiProblem, readProblem, UNREACHABLE } from './problem';

/** An answer that is not there whole within this time (ms) counts as none: an import of which nothing is heard must say so. */
const ANSWER = 30_000;

/** Queries that show what commands did, and wait for it. */
const WAITING = /^\/api\/v1\/(me|sync\/status|sync\/runs|reports\/exports|notifications)(\/|\?|$)/;

/** Sends a request of the generated client; resolves with the body of a success, else rejects with an {@link ApiProblem}. */
export const transport = async <T>(url: string, options: RequestInit): Promise<T> => {
  const token = await session.token();
  let answered = await send(url, options, token);
  if (answered.head.status === 401 && token !== undefined) {
    const newer = await session.renewed(token);
    if (newer !== undefined) answered = await send(url, options, newer);
  }
  if (!answered.head.ok) throw readProblem(answered);
  const body = bodyOf(answered);
  if (options.method !== 'GET') remember(answered.head, body);
  return body as T;
};

const send = async (url: string, options: RequestInit, token: string | undefined): Promise<Answered> => {
  const headers = new Headers(options.headers);
  headers.set('accept-language', readLocale());
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  if (options.method === 'GET' && WAITING.test(url)) {
    for (const [name, value] of Object.entries(lastPosition.headers())) headers.set(name, value);
  }
  const cut = new AbortController();
  const cancel = (): void => cut.abort();
  options.signal?.addEventListener('abort', cancel);
  const timer = setTimeout(cancel, ANSWER);
  try {
    const head = await fetch(url, { ...options, headers, signal: cut.signal });
    return { head, text: await head.text() };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiProblem(0, UNREACHABLE, '');
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', cancel);
  }
};

/** Qafila answers JSON or nothing: another text is a captive portal's page, or half an answer. */
const bodyOf = ({ text }: Answered): unknown => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ApiProblem(0, UNREACHABLE, '');
  }
};

const remember = (head: Response, body: unknown): void => {
  const position = head.headers.get('x-qafila-position') ?? (body as { position?: unknown } | undefined)?.position;
  if (typeof position === 'string') lastPosition.remember(position);
};
