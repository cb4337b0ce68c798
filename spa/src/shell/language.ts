import type { Locale } from '../format/locale';
import { keepSecrets } from '../session/addressSecrets';
import { saveLocale } from '../words/locale';

/** Changes the language: the page is loaded anew, because to turn it around live is slow. */
export const changeLanguage = (locale: Locale): void => {
  saveLocale(locale);
  keepSecrets();
  location.reload();
};
