import { intlTag, timeZone, type Locale } from './locale';

const kept = new Map<string, Intl.DateTimeFormat>();

const formatter = (locale: Locale, options: Intl.DateTimeFormatOptions, zone = timeZone): Intl.DateTimeFormat => {
  const name = locale + zone + JSON.stringify(options);
  const found = kept.get(name) ?? new Intl.DateTimeFormat(intlTag(locale), { timeZone: zone, ...options });
  kept.set(name, found);
  return found;
};

const wholeDay = { day: 'numeric', month: 'long', year: 'numeric' } as const;
const shortDay = { day: 'numeric', month: 'short' } as const;

/** `27 نوفمبر 2026` of a moment. */
export const day = (locale: Locale, at: string): string => formatter(locale, wholeDay).format(new Date(at));

/** A time is on one line. */
const unbroken = (time: string): string => time.replaceAll(/\s/g, '\u00a0');

/** `27 نوفمبر في 10:20 م` of a moment; with its year where that is not this one. */
export const moment = (locale: Locale, at: string, now = new Date()): string => {
  const date = new Date(at);
  const isThisYear = calendarDay(date).slice(0, 4) === calendarDay(now).slice(0, 4);
  const days = isThisYear ? { day: 'numeric', month: 'long' } as const : wholeDay;
  const hours = { hour: locale === 'ar' ? 'numeric' : '2-digit', minute: '2-digit', hour12: locale === 'ar' } as const;
  const shown = { day: formatter(locale, days).format(date), time: unbroken(formatter(locale, hours).format(date)) };
  return locale === 'ar' ? `${shown.day} في ${shown.time}` : `${shown.day} at ${shown.time}`;
};

/** Calendar days (`2026-11-27`) are the same everywhere: they are shown as they are, in no zone. */
const atNoon = (calendar: string): Date => new Date(`${calendar}T12:00:00Z`);

/** `27 نوفمبر 2026` of a calendar day. */
export const dayOf = (locale: Locale, calendar: string): string => formatter(locale, wholeDay, 'UTC').format(atNoon(calendar));

/** `27 نوف` of a calendar day, for axes. */
export const shortDayOf = (locale: Locale, calendar: string): string => formatter(locale, shortDay, 'UTC').format(atNoon(calendar));

/** `نوفمبر 2026` of a calendar day. */
export const monthOf = (locale: Locale, calendar: string): string =>
  formatter(locale, { month: 'short', year: 'numeric' }, 'UTC').format(atNoon(calendar));

/** `1 – 30 نوفمبر 2026`, both days included. */
export const rangeOf = (locale: Locale, from: string, to: string): string =>
  from === to ? dayOf(locale, from) : formatter(locale, wholeDay, 'UTC').formatRange(atNoon(from), atNoon(to));

/** Name of a day of the week; 0 and 7 are Sunday. */
export const weekday = (locale: Locale, number: number, width: 'short' | 'long' = 'long'): string =>
  formatter(locale, { weekday: width }, 'UTC').format(new Date(Date.UTC(2024, 0, 7 + (number % 7))));

/** `10 م` or `22:00` of an hour of the day. */
export const hourOf = (locale: Locale, hour: number): string =>
  formatter(locale, { hour: locale === 'ar' ? 'numeric' : '2-digit', hour12: locale === 'ar' }, 'UTC').format(new Date(Date.UTC(2024, 0, 1, hour)));

/** The calendar day of a moment in Riyadh, such as `2026-11-27`. */
export const calendarDay = (at: Date): string => {
  const parts = formatter('en', { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(at);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
};

/** `days` after a calendar day; before it where negative. */
export const addDays = (calendar: string, days: number): string => {
  const date = atNoon(calendar);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
};

/** Whole days from one calendar day to another, both included. */
export const daysBetween = (from: string, to: string): number =>
  Math.round((atNoon(to).getTime() - atNoon(from).getTime()) / 86_400_000) + 1;

/** `قبل 3 دقائق`, `5 days ago`. */
export const ago = (locale: Locale, at: string, now = new Date()): string => {
  const seconds = Math.round((new Date(at).getTime() - now.getTime()) / 1000);
  const steps = [['day', 86_400], ['hour', 3_600], ['minute', 60]] as const;
  const [unit, size] = steps.find(([, step]) => Math.abs(seconds) >= step) ?? (['second', 1] as const);
  return new Intl.RelativeTimeFormat(intlTag(locale), { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
};
