import { describe, expect, it } from 'vitest';

import { isBeforeImport, isPartial } from './completeness';
import { shownCurrency } from './currencies';
import { changeOf, kpisOf } from './kpi';

const figures = (orders: number) => ({ currency: 'SAR', orders, sales: { amount: '0', currency: 'SAR' }, averageSale: null, cancelledCount: 0, returnedCount: 0 });

describe('changes of figures', () => {
  it('more cancellations are bad, fewer are good, whatever the arrow says', () => {
    expect(changeOf(12, 10, 'bad')).toEqual({ kind: 'changed', ratio: 0.2, meaning: 'bad' });
    expect(changeOf(8, 10, 'bad')).toEqual({ kind: 'changed', ratio: -0.2, meaning: 'good' });
    expect(changeOf(8, 10, 'good')).toEqual({ kind: 'changed', ratio: -0.2, meaning: 'bad' });
  });

  it('from nothing is new and not a hundred percent; to nothing is minus a hundred', () => {
    expect(changeOf(5, 0, 'good')).toEqual({ kind: 'new', meaning: 'good' });
    expect(changeOf(0, 5, 'good')).toMatchObject({ ratio: -1, meaning: 'bad' });
    expect(changeOf(0, 0, 'good')).toEqual({ kind: 'same' });
  });

  it('of a few days that are not over is neither good nor bad news', () => {
    const summary = (from: string, to: string) =>
      ({ figures: [figures(2)], previous: { from: '2026-01-01', to: '2026-01-01', figures: [figures(10)] }, window: { from, to }, completeFrom: null, completeTo: '2026-11-28T07:00:00Z' }) as never;
    const orders = (from: string, to: string) => kpisOf(summary(from, to), 'SAR', new Date('2026-11-28T07:00:00Z')).find((one) => one.name === 'orders')?.change;
    expect(orders('2026-11-28', '2026-11-28')).toEqual({ kind: 'changed', ratio: -0.8, meaning: 'neutral', isUnfinished: true });
    expect(orders('2026-11-27', '2026-11-27')).toMatchObject({ meaning: 'bad' });
    expect(orders('2026-10-30', '2026-11-28')).toMatchObject({ meaning: 'bad' });
  });

  it('without anything before there is none', () => {
    expect(changeOf(5, undefined, 'good')).toEqual({ kind: 'none' });
  });
});

describe('completeness', () => {
  const now = new Date('2026-11-28T12:00:00Z');

  it('the last minutes are no news; hours are', () => {
    expect(isPartial({ completeTo: '2026-11-28T11:30:00Z', window: { to: '2026-11-28' } }, now)).toBe(false);
    expect(isPartial({ completeTo: '2026-11-28T08:00:00Z', window: { to: '2026-11-28' } }, now)).toBe(true);
    expect(isPartial({ completeTo: null, window: { to: '2026-11-28' } }, now)).toBe(true);
  });

  it('days that are over ask only for their own end', () => {
    expect(isPartial({ completeTo: '2026-11-20T21:00:00Z', window: { to: '2026-11-20' } }, now)).toBe(false);
    expect(isPartial({ completeTo: '2026-11-20T12:00:00Z', window: { to: '2026-11-20' } }, now)).toBe(true);
  });

  it('days from before the import are compared with nothing', () => {
    expect(isBeforeImport('2024-11-27', '2024-11-27T21:00:00Z')).toBe(true);
    expect(isBeforeImport('2024-11-28', '2024-11-27T21:00:00Z')).toBe(false);
    expect(isBeforeImport('2024-11-27', null)).toBe(false);
  });
});

describe('currencies', () => {
  it('the one that was asked for, else the store’s, else one that is there', () => {
    expect(shownCurrency('USD', ['SAR', 'USD'], 'SAR')).toBe('USD');
    expect(shownCurrency('KWD', ['SAR', 'USD'], 'SAR')).toBe('SAR');
    expect(shownCurrency(undefined, ['USD'], 'SAR')).toBe('USD');
    expect(shownCurrency(undefined, [], 'SAR')).toBe('SAR');
  });
});
