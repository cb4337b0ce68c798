import type { FiguresBody, SummaryBody } from '../../api/generated/client.schemas';
import { calendarDay, daysBetween } from '../../format/times';
import { isBeforeImport } from './completeness';
import { inCurrency } from './currencies';

/** Whether more of something is good news. */
export type Meaning = 'good' | 'bad' | 'neutral';

/** How a figure changed: its direction and its meaning are two things, since fewer cancellations are good. */
export type Change =
  | { kind: 'none' }
  | { kind: 'before-import' }
  | { kind: 'new'; meaning: Meaning; isUnfinished?: boolean }
  | { kind: 'same' }
  | { kind: 'changed'; ratio: number; meaning: Meaning; isUnfinished?: boolean };

/** A window of fewer days that ends today says little while the day goes on: its change is neither good nor bad news. */
const FEW_DAYS = 7;

const isUnfinished = ({ window }: SummaryBody, today: string): boolean => window.to >= today && daysBetween(window.from, window.to) < FEW_DAYS;

/** How much a number changed; from nothing to something is new, and not 100 %. */
export const changeOf = (now: number, before: number | undefined, moreIs: Meaning): Change => {
  if (before === undefined) return { kind: 'none' };
  if (now === before) return { kind: 'same' };
  if (before === 0) return { kind: 'new', meaning: moreIs };
  const ratio = (now - before) / Math.abs(before);
  return { kind: 'changed', ratio, meaning: meaningOf(ratio, moreIs) };
};

const meaningOf = (ratio: number, moreIs: Meaning): Meaning => {
  if (moreIs === 'neutral') return 'neutral';
  const isMore = ratio > 0;
  return isMore === (moreIs === 'good') ? 'good' : 'bad';
};

/** The four figures of a summary in one currency. */
export interface Kpi {
  name: 'sales' | 'orders' | 'average' | 'lost';
  /** An amount, or a number. */
  value: { amount: string; currency: string } | number | null;
  change: Change;
  figures: FiguresBody | undefined;
}

const lost = (figures: FiguresBody | undefined): number => (figures?.cancelledCount ?? 0) + (figures?.returnedCount ?? 0);

/** Figures of the window, each beside that of the days that it is compared with. */
export const kpisOf = (summary: SummaryBody, currency: string, now = new Date()): Kpi[] => {
  const found = inCurrency(summary.figures, currency);
  const { previous } = summary;
  const before = previous === null ? undefined : (inCurrency(previous.figures, currency) ?? 'nothing');
  const change = (read: (figures: FiguresBody | undefined) => number, moreIs: Meaning): Change => {
    if (previous !== null && isBeforeImport(previous.from, summary.completeFrom)) return { kind: 'before-import' };
    if (before === undefined || summary.completeTo === null) return { kind: 'none' };
    const changed = changeOf(read(found), before === 'nothing' ? 0 : read(before), moreIs);
    return isUnfinished(summary, calendarDay(now)) && (changed.kind === 'changed' || changed.kind === 'new') ? { ...changed, meaning: 'neutral', isUnfinished: true } : changed;
  };
  const none = { amount: '0', currency };
  return [
    { name: 'sales', value: found?.sales ?? none, change: change((one) => Number(one?.sales.amount ?? 0), 'good'), figures: found },
    { name: 'orders', value: found?.orders ?? 0, change: change((one) => one?.orders ?? 0, 'good'), figures: found },
    { name: 'average', value: found?.averageSale ?? null, change: change((one) => Number(one?.averageSale?.amount ?? 0), 'good'), figures: found },
    { name: 'lost', value: lost(found), change: change(lost, 'bad'), figures: found },
  ];
};
