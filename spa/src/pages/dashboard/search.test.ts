import { describe, expect, it } from 'vitest';

import { daysOf, granularityOf, readDashboard, reportParams } from './search';

/** 28 November in Riyadh, the 27th in UTC. */
const now = new Date('2026-11-27T22:00:00Z');

describe('the address of the dashboard', () => {
  it('without words is 30 days to today, in Riyadh, beside those before', () => {
    expect(reportParams(readDashboard({}), now)).toEqual({ from: '2026-10-30', to: '2026-11-28', compare: 'previous' });
  });

  it.each([
    ['7d', '2026-11-22', '2026-11-28'],
    ['thisMonth', '2026-11-01', '2026-11-28'],
    ['lastMonth', '2026-10-01', '2026-10-31'],
    ['thisYear', '2026-01-01', '2026-11-28'],
    ['12m', '2025-11-29', '2026-11-28'],
  ])('%s is from %s to %s', (period, from, to) => {
    expect(daysOf(readDashboard({ period }), now)).toEqual({ from, to });
  });

  it('with days of one’s own has these, and no period', () => {
    const search = readDashboard({ period: '7d', from: '2026-01-05', to: '2026-02-01' });
    expect(search).toEqual({ from: '2026-01-05', to: '2026-02-01' });
  });

  it.each([{ from: '2026-02-01', to: '2026-01-01' }, { from: 'x', to: '2026-01-01' }, { period: '8d' }, { compare: 'x', currency: 'riyal' }])(
    'that means nothing is left out: %j',
    (search) => {
      expect(readDashboard(search)).toEqual({});
    },
  );

  it('is drawn by day, week or month as its length asks, unless somebody chose', () => {
    const of = (from: string, to: string) => granularityOf({}, { from, to });
    expect([of('2026-11-01', '2026-11-30'), of('2026-01-01', '2026-11-30'), of('2024-11-30', '2026-11-29')]).toEqual(['day', 'week', 'month']);
    expect(granularityOf({ granularity: 'day' }, { from: '2024-11-30', to: '2026-11-29' })).toBe('day');
  });

  it('can ask for no comparison', () => {
    expect(reportParams(readDashboard({ compare: 'none' }), now)).not.toHaveProperty('compare');
  });
});
