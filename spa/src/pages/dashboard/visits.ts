import { calendarDay } from '../../format/times';

const KEY = 'qafila.lastVisit';
/** A visit that ended less than this ago (ms) is still the same one. */
const SAME_VISIT = 6 * 3_600_000;

/** When a user saw the dashboard last (ms since the Unix epoch), in this browser; 0: never. */
const lastVisit = (userId: string): number => Number(localStorage.getItem(`${KEY}.${userId}`) ?? 0);

/** Whether a user has seen figures here before. */
export const wasHere = (userId: string): boolean => lastVisit(userId) > 0;

/** The day of the last visit, if that was another visit on another day. */
export const dayOfLastVisit = (userId: string): string | undefined => {
  const [now, last] = [new Date(), lastVisit(userId)];
  if (last === 0 || now.getTime() - last < SAME_VISIT) return undefined;
  const day = calendarDay(new Date(last));
  return day === calendarDay(now) ? undefined : day;
};

/** Notes that a user sees figures. */
export const noteVisit = (userId: string): void => {
  const now = Date.now();
  if (now - lastVisit(userId) >= SAME_VISIT) localStorage.setItem(`${KEY}.${userId}`, String(now));
};
