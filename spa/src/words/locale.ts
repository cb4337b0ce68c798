import { createContext, useContext } from 'react';

import { directionOf, type Locale } from '../format/locale';

const KEY = 'qafila.locale';

/** The language that was chosen, else the browser's; Arabic where it has neither of ours. */
export const readLocale = (): Locale => {
  const chosen = localStorage.getItem(KEY);
  if (chosen === 'ar' || chosen === 'en') return chosen;
  const known = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === 'ar' || tag === 'en');
  return known === 'en' ? 'en' : 'ar';
};

export const saveLocale = (locale: Locale): void => localStorage.setItem(KEY, locale);

/** Sets the language of the document; before the first paint. */
export const applyLocale = (locale: Locale): void => {
  document.documentElement.lang = locale;
  document.documentElement.dir = directionOf(locale);
};

export const LocaleContext = createContext<Locale>('ar');
export const useLocale = (): Locale => useContext(LocaleContext);
