import type { Locale } from '../format/locale';

/** A status as Salla tells it. */
interface Status {
  slug: string | null;
  /** Salla's word, in Arabic. */
  name: string | null;
  /** The store's own word. */
  customName: string | null;
}

/** Our English words for statuses that every store has. */
const english: Record<string, string> = {
  payment_pending: 'Waiting for payment',
  under_review: 'Under review',
  in_progress: 'In progress',
  completed: 'Completed',
  delivering: 'Being delivered',
  delivered: 'Delivered',
  shipped: 'Shipped',
  canceled: 'Cancelled',
  cancelled: 'Cancelled',
  restored: 'Returned',
  restoring: 'Being returned',
  request_quote: 'Quote requested',
};

/** The store's own word, else Salla's in Arabic and ours in English; the bare slug only where neither has a word. */
export const statusName = (locale: Locale, { slug, name, customName }: Status): string | null => {
  const ours = slug === null ? undefined : english[slug];
  // Where the store has not renamed it, Salla sends its own word twice.
  const own = customName === name ? null : customName;
  return own ?? (locale === 'en' ? ours : undefined) ?? name ?? ours ?? slug;
};
