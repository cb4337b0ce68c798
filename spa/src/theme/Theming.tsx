import createCache from '@emotion/cache';
import { CacheProvider } from '@emotion/react';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import rtlPlugin from '@mui/stylis-plugin-rtl';
import type { ReactElement, ReactNode } from 'react';
import { prefixer } from 'stylis';

import type { Locale } from '../format/locale';
import { makeTheme } from './theme';

/** Styles of both directions never share a cache: a rule of one would be taken for the other's. */
const cacheOf = (locale: Locale) =>
  locale === 'ar'
    ? createCache({ key: 'qr', stylisPlugins: [prefixer, rtlPlugin] })
    : createCache({ key: 'ql', stylisPlugins: [prefixer] });

/** Colours, type and direction for all that is inside. */
export const Theming = ({ locale, children }: { locale: Locale; children: ReactNode }): ReactElement => (
  <CacheProvider value={cacheOf(locale)}>
    <ThemeProvider theme={makeTheme(locale)} modeStorageKey="qafila.scheme" colorSchemeStorageKey="qafila.palette" defaultMode="system" noSsr>
      <CssBaseline />
      {children}
    </ThemeProvider>
  </CacheProvider>
);
