import { describe, expect, it } from 'vitest';

import { channelName, paymentName } from './slugs';
import { statusName } from './statuses';

describe('names of what Salla names by slugs', () => {
  it('a status has the store’s own word in both languages', () => {
    const status = { slug: 'completed', name: 'تم التنفيذ', customName: 'وصل للعميل' };
    expect([statusName('ar', status), statusName('en', status)]).toEqual(['وصل للعميل', 'وصل للعميل']);
  });

  it('else Salla’s word in Arabic and ours in English, and its slug only where nobody has a word', () => {
    const status = { slug: 'completed', name: 'تم التنفيذ', customName: null };
    expect([statusName('ar', status), statusName('en', status)]).toEqual(['تم التنفيذ', 'Completed']);
    expect(statusName('ar', { slug: 'canceled', name: null, customName: null })).toBe('ملغي');
    expect(statusName('en', { slug: 'packed', name: null, customName: null })).toBe('packed');
    expect(statusName('en', { slug: null, name: null, customName: null })).toBeNull();
  });

  it('a way of paying or a channel that nobody knows is shown as it is', () => {
    expect([paymentName('ar', 'mada'), paymentName('en', 'cod'), paymentName('en', 'barter')]).toEqual(['مدى', 'Cash on delivery', 'barter']);
    expect([channelName('en', 'mobile-app'), channelName('ar', 'fax')]).toEqual(['Mobile app', 'fax']);
  });
});
