import { intlTag, type Locale } from './locale';

/** An amount as the API has it: decimal digits as a text, and its currency. */
export interface Amount {
  amount: string;
  currency: string;
}

const kept = new Map<string, Intl.NumberFormat>();

/** Formatters are slow to make and always the same. */
const formatter = (locale: Locale, options: Intl.NumberFormatOptions): Intl.NumberFormat => {
  const name = locale + JSON.stringify(options);
  const found = kept.get(name) ?? new Intl.NumberFormat(intlTag(locale), options);
  kept.set(name, found);
  return found;
};

/** Amounts reach `Intl` as text: a float is never made of them. */
const exact = (amount: string): Intl.StringNumericLiteral => amount as Intl.StringNumericLiteral;

const currencyOptions = (currency: string): Intl.NumberFormatOptions =>
  /^[A-Z]{3}$/.test(currency) ? { style: 'currency', currency } : {};

/** A currency's sign of Latin letters stays whole in a sentence from right to left: `US$`, and not `$US`. */
const whole = ({ type, value }: Intl.NumberFormatPart): string => (type === 'currency' && /[A-Z]/.test(value) ? `\u2066${value}\u2069` : value);

const shownMoney = (locale: Locale, { amount, currency }: Amount, options: Intl.NumberFormatOptions = {}): string => {
  const format = formatter(locale, { ...currencyOptions(currency), ...options });
  return locale === 'ar' ? format.formatToParts(exact(amount)).map(whole).join('') : format.format(exact(amount));
};

/** `184,251.50 ر.س.`: with the decimals of the currency. */
export const money = (locale: Locale, of: Amount): string => shownMoney(locale, of);

/** `184,251 ر.س.`: for figures that are read at a distance. */
export const roundMoney = (locale: Locale, of: Amount): string => shownMoney(locale, of, { maximumFractionDigits: 0 });

/** `12 ألف` or `12k`: for axes. */
export const compact = (locale: Locale, value: number): string =>
  formatter(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(value);

export const count = (locale: Locale, value: number): string => formatter(locale, {}).format(value);

/** `2` or `1.5`: a quantity as the API has it, decimal digits as a text. */
export const quantity = (locale: Locale, digits: string): string => formatter(locale, { maximumFractionDigits: 4 }).format(exact(digits));

/** `+12.4%` of 0.124. */
export const change = (locale: Locale, ratio: number): string =>
  formatter(locale, { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(ratio);

/** `12%` of 0.12. */
export const share = (locale: Locale, ratio: number): string =>
  formatter(locale, { style: 'percent', maximumFractionDigits: 1 }).format(ratio);

/** Whole percent, rounded down: 100 only where all is done. */
export const flooredPercent = (locale: Locale, percent: number): string =>
  formatter(locale, { style: 'percent', maximumFractionDigits: 0 }).format(Math.floor(percent) / 100);

const units = ['kilobyte', 'megabyte', 'gigabyte'] as const;

/** `1.2 MB` of a size in bytes. */
export const bytes = (locale: Locale, size: number): string => {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, size)) / 3) - 1));
  const unit = units[step] ?? 'kilobyte';
  return formatter(locale, { style: 'unit', unit, maximumFractionDigits: 1 }).format(size / 1000 ** (step + 1));
};
