import { describe, expect, it } from 'vitest';

import { readFiles } from './search';

describe('address of the files', () => {
  it('asks for a file of a known report, with days where both are days in order', () => {
    expect(readFiles({ report: 'orders', from: '2026-01-01', to: '2026-01-31' })).toEqual({ report: 'orders', from: '2026-01-01', to: '2026-01-31' });
    expect(readFiles({ report: 'orders', from: '2026-02-01', to: '2026-01-31' })).toEqual({ report: 'orders' });
  });

  it('is narrowed by one status and one customer, where they can be such', () => {
    expect(readFiles({ report: 'orders', status: 'canceled', customerId: 7, isOfAllDays: true, isWider: true })).toEqual({ report: 'orders', status: 'canceled', customerId: 7, isOfAllDays: true, isWider: true });
    expect(readFiles({ report: 'orders', status: ['a', 'b'], customerId: '7;8', isWider: 'yes' })).toEqual({ report: 'orders' });
  });

  it('asks for nothing where the report is not known', () => {
    expect(readFiles({ report: 'salaries', from: '<script>' })).toEqual({});
  });
});
