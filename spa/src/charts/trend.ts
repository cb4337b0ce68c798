import { addDays, calendarDay, daysBetween } from '../format/times';

/** A value of one part of the window. */
export interface TrendPoint {
  /** First day of the part. */
  from: string;
  value: number;
}

/** Parts that lie whole in a window: a week or month that begins before it holds only some of its days, and would look like a fall. */
export const wholeParts = <T extends { from: string }>(points: T[], from: string): T[] => ((points[0]?.from ?? from) < from && points.length > 2 ? points.slice(1) : points);

/** What a trend draws: three lines over the same days. */
export interface TrendLines {
  days: string[];
  /** Solid: nothing is missing. */
  complete: (number | null)[];
  /** Dashed: may still grow. It begins where the solid line ends, so that no gap is seen. */
  growing: (number | null)[];
  /** Dotted: the days it is compared with, by their distance from the first one. */
  previous: (number | null)[];
}

/** How far a window reaches, and its figures. */
interface Extent {
  /** Nothing is missing from this moment; null: from the first order. */
  completeFrom: string | null;
  /** Nothing is missing up to this moment. */
  completeTo: string | null;
  /** First and last day, both included. */
  from: string;
  to: string;
  /** First of the days that it is compared with. */
  previousFrom?: string;
}

/** The part of a window after which figures may still grow: the day on which they end to be complete, or today. */
const firstGrowing = (days: string[], { completeTo, to }: Extent, now: Date): number => {
  const today = calendarDay(now);
  const ends = completeTo === null ? '' : calendarDay(new Date(completeTo));
  const limit = ends < today ? ends : today;
  // The part in which the limit lies is not whole yet.
  const after = days.findIndex((_, index) => (days[index + 1] ?? addDays(to, 1)) > limit);
  return after === -1 ? days.length : after;
};

/** Cuts a trend where its figures may still grow. */
export const trendLines = (points: TrendPoint[], previous: TrendPoint[], extent: Extent, now = new Date()): TrendLines => {
  const days = points.map((point) => point.from);
  const cut = firstGrowing(days, extent, now);
  // Of days before the import nothing is known: no line is drawn there, rather than one at zero.
  const first = extent.completeFrom === null ? '' : calendarDay(new Date(extent.completeFrom));
  const isRead = (from: string): boolean => from >= first;
  return {
    days,
    complete: points.map((point, index) => (index < cut && isRead(point.from) ? point.value : null)),
    growing: points.map((point, index) => (index >= cut - 1 && cut < points.length && isRead(point.from) ? point.value : null)),
    previous: placed(points, previous, extent),
  };
};

/** Days from one calendar day to another; negative where it is before. */
const distance = (from: string, to: string): number => daysBetween(from, to) - 1;

/** For each part the one that lies at the same distance from the first of its days: weeks of two windows begin on other days of them. */
const placed = (points: TrendPoint[], previous: TrendPoint[], { from, previousFrom = from }: Extent): (number | null)[] => {
  const [last, beforeLast] = [points.at(-1), points.at(-2)];
  const half = last && beforeLast ? distance(beforeLast.from, last.from) / 2 : 0.5;
  const others = previous.map((point) => ({ at: distance(previousFrom, point.from), value: point.value }));
  return points.map((point) => {
    const at = distance(from, point.from);
    const nearest = others.reduce<(typeof others)[number] | undefined>((best, one) => (best && Math.abs(best.at - at) <= Math.abs(one.at - at) ? best : one), undefined);
    return nearest && Math.abs(nearest.at - at) <= half ? nearest.value : null;
  });
};
