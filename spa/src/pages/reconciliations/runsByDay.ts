import type { ReconciliationBody } from '../../api/generated/client.schemas';
import { calendarDay } from '../../format/times';

/** The reconciliations of one day. */
export interface DayOfRuns {
  /** The calendar day in Riyadh on which they ended. */
  day: string;
  runs: ReconciliationBody[];
  /** Everything was compared to the end, and nothing differed. */
  isAllEqual: boolean;
}

/** Puts runs together by the day on which they ended, newest first as they come. */
export const runsByDay = (runs: ReconciliationBody[]): DayOfRuns[] => {
  const days = new Map<string, ReconciliationBody[]>();
  for (const run of runs) {
    const day = calendarDay(new Date(run.finishedAt));
    days.set(day, [...(days.get(day) ?? []), run]);
  }
  return [...days].map(([day, found]) => ({ day, runs: found, isAllEqual: found.every(isEqual) }));
};

const isEqual = ({ cause, summary }: ReconciliationBody): boolean =>
  cause === null && summary.created + summary.updated + summary.failed + summary.skipped === 0;
