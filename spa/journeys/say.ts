import { IntlMessageFormat } from 'intl-messageformat';

import { intlTag, type Locale } from '../src/format/locale';
import ar from '../src/words/ar';
import en, { type Words } from '../src/words/en';

const words: Record<Locale, Words> = { ar: ar as Words, en };

/** A sentence of the app, as a page says it. */
export const say = (locale: Locale, id: keyof Words, values?: Record<string, string | number>): string =>
  String(new IntlMessageFormat(words[locale][id], intlTag(locale)).format(values));

/** The language that a project of the tests is for. */
export const localeOf = (project: string): Locale => (project.includes('-en') ? 'en' : 'ar');
