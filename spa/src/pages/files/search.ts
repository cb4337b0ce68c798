import { ExportReport } from '../../api/generated/client.schemas';

/** What the address of the files says: a file that is wanted, as a report's export button asks for it. */
export interface FilesSearch {
  report?: ExportReport;
  from?: string;
  to?: string;
}

const day = (value: unknown): string | undefined => (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined);

/** Reads an address; what it cannot mean is left out. */
export const readFiles = (search: Record<string, unknown>): FilesSearch => {
  const report = Object.values(ExportReport).find((known) => known === search.report);
  const [from, to] = [day(search.from), day(search.to)];
  const hasDays = from !== undefined && to !== undefined && from <= to;
  // What is left out is named, too: the router keeps what a page says nothing of.
  return { report, from: hasDays ? from : undefined, to: hasDays ? to : undefined };
};
