/** Language of the page. */
export type Locale = 'ar' | 'en';

/** Latin digits and Gregorian days in both languages: one kind of digit keeps figures, files, copies and searches equal. */
const tags: Record<Locale, string> = { ar: 'ar-u-ca-gregory-nu-latn', en: 'en-GB-u-ca-gregory-nu-latn' };

/** Tag for `Intl`. */
export const intlTag = (locale: Locale): string => tags[locale];

/** Where a merchant's days begin and end. */
export const timeZone = 'Asia/Riyadh';

export const directionOf = (locale: Locale): 'rtl' | 'ltr' => (locale === 'ar' ? 'rtl' : 'ltr');
