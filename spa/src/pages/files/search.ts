import { ExportReport } from '../../api/generated/client.schemas';

/** What the address of the files says: a file that is wanted, as a report's export button asks for it. */
export interface FilesSearch {
  report?: ExportReport;
  from?: string;
  to?: string;
  /** All days are wanted, where none are named. */
  isOfAllDays?: boolean;
  /** Salla's slug of the one status that is wanted. */
  status?: string;
  /** Salla's id of the one customer that is wanted. */
  customerId?: number;
  /** The list that it is asked from is narrowed further than a file can be. */
  isWider?: boolean;
}

const day = (value: unknown): string | undefined => (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined);

const isSlug = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 100;
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** Reads an address; what it cannot mean is left out. */
export const readFiles = (search: Record<string, unknown>): FilesSearch => {
  const report = Object.values(ExportReport).find((known) => known === search.report);
  const [from, to] = [day(search.from), day(search.to)];
  const hasDays = from !== undefined && to !== undefined && from <= to;
  // What is left out is named, too: the router keeps what a page says nothing of.
  return {
    report,
    from: hasDays ? from : undefined,
    to: hasDays ? to : undefined,
    isOfAllDays: (search.isOfAllDays === true && !hasDays) || undefined,
    status: isSlug(search.status) ? search.status : undefined,
    customerId: isId(search.customerId) ? search.customerId : undefined,
    isWider: search.isWider === true || undefined,
  };
};
