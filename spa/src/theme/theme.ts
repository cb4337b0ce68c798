import { arSA, enUS } from '@mui/material/locale';
import { createTheme, type Theme } from '@mui/material/styles';

import { directionOf, type Locale } from '../format/locale';
import { dark, light, type Tokens } from './tokens';

const palette = (tokens: Tokens) => ({
  background: { default: tokens.background, paper: tokens.paper },
  text: { primary: tokens.text, secondary: tokens.quiet },
  primary: { main: tokens.primary, contrastText: tokens.onPrimary },
  secondary: { main: tokens.accent },
  success: { main: tokens.success },
  warning: { main: tokens.warning },
  error: { main: tokens.error },
  info: { main: tokens.primary },
  divider: tokens.divider,
});

/** Spacing between letters tears Arabic words apart: none, anywhere. */
const variant = (size: string, lineHeight: number, fontWeight = 400) => ({
  fontSize: size,
  lineHeight,
  fontWeight,
  letterSpacing: 0,
  textTransform: 'none' as const,
});

/** The theme of a language; colours are CSS variables that follow `data-scheme`. */
export const makeTheme = (locale: Locale): Theme =>
  createTheme(
    {
      direction: directionOf(locale),
      cssVariables: { colorSchemeSelector: 'data-scheme' },
      colorSchemes: { light: { palette: palette(light) }, dark: { palette: palette(dark) } },
      shape: { borderRadius: 10 },
      typography: {
        fontFamily: '"IBM Plex Sans Arabic", system-ui, sans-serif',
        fontWeightMedium: 600,
        fontWeightBold: 600,
        h1: variant('1.5rem', 1.4, 600),
        h2: variant('1.125rem', 1.5, 600),
        h3: variant('1rem', 1.5, 600),
        h4: variant('1.625rem', 1.3, 600),
        h5: variant('1.125rem', 1.5, 600),
        h6: variant('1rem', 1.5, 600),
        subtitle1: variant('1rem', 1.65),
        subtitle2: variant('.875rem', 1.6, 600),
        body1: variant('1rem', 1.65),
        body2: variant('.875rem', 1.6),
        button: variant('.9375rem', 1.6, 600),
        caption: variant('.8125rem', 1.5),
        overline: variant('.8125rem', 1.5),
      },
      components: {
        MuiCssBaseline: {
          styleOverrides: {
            body: { overflowWrap: 'anywhere' },
            ':focus-visible': { outline: '2px solid currentColor', outlineOffset: 2 },
            '@media print': { body: { background: '#ffffff' } },
          },
        },
        MuiPaper: { defaultProps: { elevation: 0, variant: 'outlined' }, styleOverrides: { root: { backgroundImage: 'none' } } },
        MuiAppBar: { defaultProps: { elevation: 0, color: 'default' } },
        MuiButton: {
          defaultProps: { disableElevation: true },
          styleOverrides: { root: { minHeight: 44, paddingInline: 16, overflowWrap: 'normal' } },
        },
        MuiAlert: { styleOverrides: { action: { flexShrink: 0 } } },
        MuiIconButton: { styleOverrides: { root: { minWidth: 44, minHeight: 44 } } },
        MuiTextField: { defaultProps: { fullWidth: true } },
        MuiListItemButton: { styleOverrides: { root: { minHeight: 44 } } },
        MuiMenuItem: { styleOverrides: { root: { minHeight: 44 } } },
        MuiTab: { styleOverrides: { root: { minHeight: 48 } } },
        MuiTooltip: { defaultProps: { enterTouchDelay: 0 } },
        MuiChip: { styleOverrides: { root: { fontSize: '.8125rem' } } },
      },
    },
    locale === 'ar' ? arSA : enUS,
  );
