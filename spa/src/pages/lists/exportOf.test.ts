import { expect, test } from 'vitest';

import { exportOf } from './exportOf';

test('a file of a list is narrowed as the list is, where files can be', () => {
  expect(exportOf('orders', {})).toEqual({ report: 'orders', isOfAllDays: true });
  expect(exportOf('orders', { from: '2026-01-01', to: '2026-01-31', status: ['canceled'], customerId: 7, sort: 'total' })).toEqual({
    report: 'orders',
    from: '2026-01-01',
    to: '2026-01-31',
    status: 'canceled',
    customerId: 7,
  });
});

test('a file that holds more than its list says so', () => {
  expect(exportOf('orders', { find: 'تمر' })).toEqual({ report: 'orders', isOfAllDays: true, isWider: true });
  expect(exportOf('orders', { status: ['canceled', 'completed'] })).toEqual({ report: 'orders', isOfAllDays: true, isWider: true });
  expect(exportOf('orders', { from: '2026-01-01' })).toEqual({ report: 'orders', isOfAllDays: true, isWider: true });
  expect(exportOf('products', { status: ['sale'], brand: ['x'] })).toEqual({ report: 'products', status: 'sale', isWider: true });
  expect(exportOf('customers', { city: ['الرياض'] })).toEqual({ report: 'customers', isWider: true });
});
