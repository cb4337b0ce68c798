import { addDays, calendarDay } from '../../format/times';

/** What is known of how far figures are complete. */
interface Known {
  completeTo: string | null;
  window: { to: string };
}

/** A few minutes are always missing; that is no news to a merchant (ms). */
const USUAL = 3_600_000;

/** Whether some of the figures may still grow, beyond what the last hour always brings. */
export const isPartial = ({ completeTo, window }: Known, now = new Date()): boolean => {
  if (completeTo === null) return true;
  const end = window.to >= calendarDay(now) ? now.getTime() : new Date(`${addDays(window.to, 1)}T00:00:00+03:00`).getTime();
  return new Date(completeTo).getTime() < end - USUAL;
};

/** Whether days that begin then cannot be compared with: they were not imported, or completeness is not known yet. */
export const isNotComparable = (from: string, { completeFrom, completeTo }: { completeFrom: string | null; completeTo: string | null }): boolean =>
  completeTo === null || isBeforeImport(from, completeFrom);

/** Whether the days of a comparison begin before the first day that was imported: then figures of then say nothing. */
export const isBeforeImport = (from: string, completeFrom: string | null): boolean =>
  completeFrom !== null && from < calendarDay(new Date(completeFrom));
