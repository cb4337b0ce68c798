import { describe, expect, it } from 'vitest';

import { slugOf, statusName, toneOf } from './statuses';

describe('statuses', () => {
  it('are called as the store calls them, else in the language of the page', () => {
    expect(statusName('en', { slug: 'completed', name: 'تم التنفيذ', customName: 'Ready for pick-up' })).toBe('Ready for pick-up');
    expect(statusName('en', { slug: 'completed', name: 'تم التنفيذ', customName: 'تم التنفيذ' })).toBe('Completed');
    expect(statusName('ar', { slug: 'completed', name: 'تم التنفيذ', customName: null })).toBe('تم التنفيذ');
    expect(statusName('en', { slug: 'of_the_store', name: 'جاهز', customName: null })).toBe('جاهز');
  });

  it('in a history, which has words alone, are known by them however their alef is typed', () => {
    expect([slugOf('بإنتظار المراجعة'), slugOf('بانتظار المراجعة '), slugOf('تحت المراجعة')]).toEqual(['under_review', 'under_review', 'under_review']);
    expect(slugOf('جاهز')).toBe('جاهز');
  });

  it('have a colour where they are good or bad news, and none where a store made them itself', () => {
    expect([toneOf('delivered'), toneOf('canceled'), toneOf('payment_pending')]).toEqual(['success', 'error', 'warning']);
    expect([toneOf('in_progress'), toneOf('of_the_store'), toneOf(null)]).toEqual(['default', 'default', 'default']);
  });
});
