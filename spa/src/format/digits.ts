/** Arabic-Indic (٠–٩) and extended Arabic-Indic (۰–۹) digits as 0–9: what is typed finds what is stored. */
export const latinDigits = (typed: string): string =>
  typed.replace(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 0xf));
