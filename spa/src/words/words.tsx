import type { PrimitiveType } from 'intl-messageformat';
import { Fragment, type ReactElement, type ReactNode } from 'react';
import { IntlProvider, useIntl } from 'react-intl';

import { intlTag, type Locale, timeZone } from '../format/locale';
import { LocaleContext } from './locale';
import type { Words } from './en';

/** Name of a sentence. */
export type WordId = keyof Words;

/** What stands in the places of a sentence. */
export type Values = Record<string, PrimitiveType>;

const load: Record<Locale, () => Promise<{ default: Words }>> = {
  ar: () => import('./ar'),
  en: () => import('./en'),
};

/** The sentences of a language; no other is fetched. */
export const loadWords = async (locale: Locale): Promise<Words> => (await load[locale]()).default;

/** Gives the page its language. */
export const WordsProvider = (props: { locale: Locale; words: Words; children: ReactNode }): ReactElement => (
  <LocaleContext.Provider value={props.locale}>
    <IntlProvider locale={intlTag(props.locale)} messages={props.words} timeZone={timeZone} onError={complain}>
      {props.children}
    </IntlProvider>
  </LocaleContext.Provider>
);

const complain = (error: Error): void => {
  if (import.meta.env.DEV) throw error;
  console.error(error.message);
};

/** Says a sentence as a text. */
export type Say = (id: WordId, values?: Values) => string;

export const useSay = (): Say => {
  const intl = useIntl();
  return (id, values) => intl.formatMessage({ id }, values);
};

/** A sentence whose places may hold elements, such as an isolated number. */
export const Sentence = ({ id, values }: { id: WordId; values?: Record<string, ReactNode> }): ReactElement => {
  const intl = useIntl();
  return <Fragment>{intl.formatMessage({ id }, values as Record<string, ReactElement>)}</Fragment>;
};
