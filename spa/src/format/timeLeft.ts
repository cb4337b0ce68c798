import { intlTag, type Locale } from './locale';

/** A time that is left, rounded so that it does not promise more than is known. */
export interface RoundedTime {
  /** Whole minutes; 0 is less than one. */
  minutes: number;
}

/** To 1 up to 10 minutes, to 5 up to 90, then to 10; less than a minute is 0. */
export const roundTimeLeft = (seconds: number): RoundedTime => {
  const minutes = seconds / 60;
  if (minutes < 1) return { minutes: 0 };
  const step = minutes <= 10 ? 1 : minutes <= 90 ? 5 : 10;
  return { minutes: Math.round(minutes / step) * step };
};

interface DurationFormat {
  format(duration: { hours?: number; minutes?: number }): string;
}
type DurationFormatClass = new (locale: string, options: { style: string }) => DurationFormat;

/** `ساعة و20 دقيقة`, `1 hour and 20 minutes`; a time under a minute has no length and is said in words by its reader. */
export const duration = (locale: Locale, minutes: number): string => {
  const parts = { hours: Math.floor(minutes / 60), minutes: minutes % 60 };
  const known = (Intl as unknown as { DurationFormat?: DurationFormatClass }).DurationFormat;
  if (known) return new known(intlTag(locale), { style: 'long' }).format(parts);
  // Browsers of before 2025: the same units, joined as a list.
  const unit = (value: number, name: 'hour' | 'minute'): string =>
    new Intl.NumberFormat(intlTag(locale), { style: 'unit', unit: name, unitDisplay: 'long' }).format(value);
  const shown = [parts.hours ? unit(parts.hours, 'hour') : '', parts.minutes ? unit(parts.minutes, 'minute') : ''];
  return new Intl.ListFormat(intlTag(locale), { type: 'unit' }).format(shown.filter(Boolean));
};
