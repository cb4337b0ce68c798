import { describe, expect, it } from 'vitest';

import { trendLines, wholeParts } from './trend';

const now = new Date('2026-11-05T12:00:00Z');
const days = (values: number[]) => values.map((value, index) => ({ from: `2026-11-0${index + 1}`, value }));

describe('lines of a trend', () => {
  it('today is dashed, and the dashes begin at the last complete day', () => {
    const lines = trendLines(days([1, 2, 3, 4, 5]), [], { completeFrom: null, completeTo: '2026-11-05T10:00:00Z', from: '2026-11-01', to: '2026-11-05' }, now);
    expect(lines.complete).toEqual([1, 2, 3, 4, null]);
    expect(lines.growing).toEqual([null, null, null, 4, 5]);
  });

  it('all after the day to which figures are complete is dashed', () => {
    const lines = trendLines(days([1, 2, 3, 4, 5]), [], { completeFrom: null, completeTo: '2026-11-03T09:00:00Z', from: '2026-11-01', to: '2026-11-05' }, now);
    expect(lines.complete).toEqual([1, 2, null, null, null]);
    expect(lines.growing).toEqual([null, 2, 3, 4, 5]);
  });

  it('where completeness is not known nothing is solid', () => {
    const lines = trendLines(days([1, 2]), [], { completeFrom: null, completeTo: null, from: '2026-11-01', to: '2026-11-02' }, now);
    expect([lines.complete, lines.growing]).toEqual([[null, null], [1, 2]]);
  });

  it('of days that are over are solid to the end', () => {
    const lines = trendLines(days([1, 2]), [], { completeFrom: null, completeTo: '2026-11-05T10:00:00Z', from: '2026-11-01', to: '2026-11-02' }, now);
    expect([lines.complete, lines.growing]).toEqual([[1, 2], [null, null]]);
  });

  it('a week or a month in which it ends is dashed', () => {
    const months = [{ from: '2026-09-01', value: 1 }, { from: '2026-10-01', value: 2 }, { from: '2026-11-01', value: 3 }];
    expect(trendLines(months, [], { completeFrom: null, completeTo: '2026-11-05T10:00:00Z', from: '2026-11-01', to: '2026-11-30' }, now).complete).toEqual([1, 2, null]);
  });

  it('a week that begins before the window is left out, unless there is hardly another', () => {
    const weeks = [{ from: '2026-08-02' }, { from: '2026-08-09' }, { from: '2026-08-16' }];
    expect(wholeParts(weeks, '2026-08-05')).toEqual(weeks.slice(1));
    expect(wholeParts(weeks, '2026-08-02')).toEqual(weeks);
    expect(wholeParts(weeks.slice(0, 2), '2026-08-05')).toEqual(weeks.slice(0, 2));
  });

  it('the previous days stand by their place in the window', () => {
    const before = [{ from: '2026-10-29', value: 7 }, { from: '2026-10-30', value: 8 }];
    const lines = trendLines(days([1, 2, 3]), before, { completeFrom: null, completeTo: null, from: '2026-11-01', to: '2026-11-03', previousFrom: '2026-10-29' }, now);
    expect(lines.previous).toEqual([7, 8, null]);
  });

  it('the previous weeks stand where they lie nearest, though they begin on another day of their window', () => {
    const weeks = ['2026-08-30', '2026-09-06', '2026-09-13'].map((from, index) => ({ from, value: index }));
    const before = ['2026-05-31', '2026-06-07', '2026-06-14', '2026-06-21'].map((from, index) => ({ from, value: 10 + index }));
    const extent = { completeFrom: null, completeTo: null, from: '2026-08-30', to: '2026-09-19', previousFrom: '2026-06-01' };
    expect(trendLines(weeks, before, extent, now).previous, 'a day off, and not six').toEqual([10, 11, 12]);
  });

  it('days before the import have no line', () => {
    const lines = trendLines(days([0, 0, 3]), [], { completeFrom: '2026-11-02T21:00:00Z', completeTo: '2026-11-05T10:00:00Z', from: '2026-11-01', to: '2026-11-03' }, now);
    expect(lines.complete).toEqual([null, null, 3]);
  });
});
