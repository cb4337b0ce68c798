import type { ReconciliationBody } from '../../api/generated/client.schemas';
import { calendarDay } from '../../format/times';

/** The runs of one night. */
export interface Night {
  /** The calendar day in Riyadh on which they ended. */
  day: string;
  runs: ReconciliationBody[];
  /** Everything was compared to the end, and nothing differed. */
  isAllEqual: boolean;
}

/** Puts runs together by nights, newest first as they come. */
export const nightsOf = (runs: ReconciliationBody[]): Night[] => {
  const nights = new Map<string, ReconciliationBody[]>();
  for (const run of runs) {
    const day = calendarDay(new Date(run.finishedAt));
    nights.set(day, [...(nights.get(day) ?? []), run]);
  }
  return [...nights].map(([day, found]) => ({ day, runs: found, isAllEqual: found.every(isEqual) }));
};

const isEqual = ({ cause, summary }: ReconciliationBody): boolean =>
  cause === null && summary.created + summary.updated + summary.failed + summary.skipped === 0;
