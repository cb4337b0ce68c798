/** What figures of one currency have in common. */
interface InCurrency {
  currency: string;
}

/** The currency that figures are shown in: the one that was asked for, where there are figures of it, else the store's. */
export const shownCurrency = (asked: string | undefined, found: string[], store: string): string =>
  asked !== undefined && found.includes(asked) ? asked : found.includes(store) ? store : (found[0] ?? store);

/** Figures of a currency; none where nothing was sold in it. */
export const inCurrency = <T extends InCurrency>(figures: T[], currency: string): T | undefined =>
  figures.find((one) => one.currency === currency);
