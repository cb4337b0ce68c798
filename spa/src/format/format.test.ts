import { describe, expect, it } from 'vitest';

import { latinDigits } from './digits';
import { bytes, change, compact, flooredPercent, money, quantity, roundMoney } from './numbers';
import { addDays, calendarDay, dayOf, daysBetween, moment, rangeOf, weekday } from './times';
import { duration, roundTimeLeft } from './timeLeft';

/** Marks of direction that `Intl` puts, and spaces that do not break. */
const plain = (text: string): string => text.replace(/[\u200e\u200f\u061c]/g, '').replace(/[\u00a0\u202f]/g, ' ');

describe('formats', () => {
  it('typed digits of either Arabic kind become 0–9', () => {
    expect(latinDigits('٠١٢٣٤٥٦٧٨٩ ۰۹ x7')).toBe('0123456789 09 x7');
  });

  it('a quantity has the decimals that it needs and no more', () => {
    expect([quantity('en', '2.0000'), quantity('ar', '1.5000'), quantity('en', '1200')]).toEqual(['2', '1.5', '1,200']);
  });

  it('money has the decimals of its currency and no float is made of it', () => {
    const large = { amount: '9007199254740993.55', currency: 'SAR' };
    expect(plain(money('en', large))).toBe('SAR 9,007,199,254,740,993.55');
    expect(plain(money('ar', { amount: '184251.5', currency: 'SAR' }))).toBe('184,251.50 ر.س.');
    expect(plain(money('en', { amount: '12.3456', currency: 'KWD' }))).toBe('KWD 12.346');
    expect(plain(roundMoney('ar', { amount: '147.9', currency: 'SAR' }))).toBe('148 ر.س.');
    expect(plain(money('en', { amount: '5', currency: 'riyal' })), 'an unknown currency is no crash').toBe('5');
  });

  it('digits are Latin and days Gregorian in both languages', () => {
    expect(plain(change('ar', 0.124))).toMatch(/^\+12\.4/);
    expect(plain(change('en', -0.031))).toBe('-3.1%');
    expect(plain(compact('en', 12_000))).toBe('12k');
    expect(dayOf('ar', '2026-11-27')).toBe('27 نوفمبر 2026');
    expect(dayOf('en', '2026-11-27')).toBe('27 November 2026');
    expect(plain(rangeOf('en', '2026-11-01', '2026-11-30'))).toMatch(/1\s?–\s?30 November 2026/);
  });

  it('a percentage is rounded down: 100 is said only at the end', () => {
    expect([flooredPercent('en', 99.99), flooredPercent('en', 100)]).toEqual(['99%', '100%']);
  });

  it('moments are in Riyadh whatever the device thinks', () => {
    const now = new Date('2026-12-01T00:00:00Z');
    expect(moment('en', '2026-11-27T19:20:00Z', now)).toBe('27 November at 22:20');
    expect(plain(moment('ar', '2026-11-27T19:20:00Z', now))).toBe('27 نوفمبر في 10:20 م');
    expect(moment('en', '2025-12-31T21:30:00Z', now)).toBe('1 January at 00:30');
    expect(calendarDay(new Date('2026-11-27T21:00:00Z'))).toBe('2026-11-28');
  });

  it('calendar days are counted without zones', () => {
    expect([addDays('2026-02-28', 1), addDays('2026-03-01', -1)]).toEqual(['2026-03-01', '2026-02-28']);
    expect(daysBetween('2026-11-01', '2026-11-30')).toBe(30);
    expect([weekday('en', 1), weekday('en', 7)]).toEqual(['Monday', 'Sunday']);
  });

  it('time left is rounded so that it promises nothing', () => {
    const rounded = [20, 61, 599, 601, 47 * 60, 91 * 60].map((seconds) => roundTimeLeft(seconds).minutes);
    expect(rounded).toEqual([0, 1, 10, 10, 45, 90]);
    expect(duration('en', 80)).toMatch(/1 hour.*20 minutes/);
    expect(duration('ar', 45)).toMatch(/45 دقيقة/);
  });

  it('sizes have the unit that fits', () => {
    expect([bytes('en', 900), bytes('en', 1_234_567)]).toEqual(['0.9 kB', '1.2 MB']);
  });
});
