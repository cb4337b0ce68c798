import { describe, expect, it } from 'vitest';

import { amountsInOrder, filterCount, isAmbiguous, listParams, readLists, seek } from './search';

describe('what is typed into a search', () => {
  it.each([
    ['orders', 'Sara@Example.com', { email: 'Sara@Example.com' }],
    ['orders', '٠٥٠١٢٣٤٥٦٧', { phone: '0501234567' }],
    ['orders', '+966 50 123-4567', { phone: '+966501234567' }],
    ['orders', '#41200', { number: 41200 }],
    ['orders', '۴۱۲۰۰', { number: 41200 }],
    ['orders', '512345678', { number: 512345678 }],
    ['customers', '512345678', { phone: '512345678' }],
    ['orders', 'سارة', { name: 'سارة' }],
    ['products', '4711', { q: '4711' }],
    ['carts', ' ', {}],
  ] as const)('in %s, %s is %j', (list, typed, sought) => {
    expect(seek(list, typed)).toEqual(sought);
  });

  it('words may be of people or of products, where a list has both', () => {
    expect(seek('orders', 'تمر', 'products')).toEqual({ q: 'تمر' });
    expect([isAmbiguous('orders', 'تمر'), isAmbiguous('orders', '41200'), isAmbiguous('customers', 'تمر')]).toEqual([true, false, false]);
  });
});

describe('the address of a list', () => {
  it('keeps what it can mean and leaves out the rest', () => {
    const search = readLists({ status: 'a', city: ['x', '', 5], from: '2026-01-01', to: 'soon', amountFrom: '1e9', customerId: '7', cursors: 'c' });
    expect(search).toEqual({ status: ['a'], city: ['x', '5'], from: '2026-01-01', customerId: 7, cursors: ['c'] });
    expect(filterCount(search)).toBe(4);
  });

  it('asks for the page of its last cursor', () => {
    expect(listParams('orders', { cursors: ['a', 'b'], find: '12' })).toEqual({ number: 12, cursor: 'b', limit: 20 });
  });
});

describe('amounts', () => {
  it.each([
    [{ amountFrom: '1000', amountTo: '500' }, { amountFrom: '500', amountTo: '1000' }],
    [{ amountFrom: '9.5', amountTo: '10' }, { amountFrom: '9.5', amountTo: '10' }],
    [{ amountFrom: '1000' }, { amountFrom: '1000' }],
  ])('%o are put in order by their value', (typed, ordered) => {
    expect(amountsInOrder(typed)).toEqual(ordered);
  });
});
