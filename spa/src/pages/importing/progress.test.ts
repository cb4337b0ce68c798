import { describe, expect, it } from 'vitest';

import { isUseful, pollInterval } from '../../api/queries';
import { grownTotal, shareOf, stepsOf } from './progress';

const phase = (name: string, resource: string, done: number, total: number | null, skipped = 0) => ({ name, resource, done, total, skipped });
const read = [phase('list', 'customers', 5, 5), phase('list', 'orders', 9, 9, 1), phase('list', 'products', 2, 2)];

describe('steps of an import', () => {
  it('are in the order in which a merchant thinks, with what could not be read', () => {
    const steps = stepsOf({ status: 'running', phases: [...read, phase('hydrate', 'orders', 3, 8, 2)] });
    expect(steps.lists.map((one) => one.resource)).toEqual(['orders', 'customers', 'products']);
    expect([steps.details?.done, steps.isCounting, steps.unreadable]).toEqual([3, false, 3]);
  });

  it('end with a count that is active when every row is read and the import still runs', () => {
    const phases = [...read, phase('hydrate', 'orders', 9, 9)];
    expect(stepsOf({ status: 'running', phases }).isCounting).toBe(true);
    expect(stepsOf({ status: 'completed', phases }).isCounting).toBe(false);
    expect(stepsOf({ status: 'running', phases: read }).isCounting, 'details have not begun').toBe(false);
  });

  it('without a total have no share; a store without rows is done', () => {
    expect([shareOf({ resource: 'orders', done: 4, total: null }), shareOf({ resource: 'orders', done: 0, total: 0 })]).toEqual([undefined, 1]);
  });

  it('say so when more rows were found', () => {
    const [before, now] = [9, 12].map((total) => stepsOf({ status: 'running', phases: [phase('list', 'orders', 9, total)] }));
    expect(grownTotal(before, now as never)).toBe(12);
    expect(grownTotal(undefined, now as never)).toBeUndefined();
  });

  it('make the dashboard useful when all orders are listed', () => {
    expect(isUseful({ status: 'running', phases: read })).toBe(true);
    expect(isUseful({ status: 'running', phases: [phase('list', 'orders', 9, null)] })).toBe(false);
    expect(isUseful({ status: 'requested', phases: [] })).toBe(false);
  });
});

describe('polling', () => {
  it('stops at an end state, waits while paused, and backs off after errors', () => {
    expect([pollInterval('running', 0), pollInterval('paused', 0), pollInterval('completed', 0)]).toEqual([3_000, 30_000, false]);
    expect([3_000, 6_000, 12_000, 90_000].map((failing) => pollInterval('running', failing))).toEqual([3_000, 6_000, 12_000, 30_000]);
    expect(pollInterval(undefined, 0), 'nothing was heard yet').toBe(3_000);
  });
});
