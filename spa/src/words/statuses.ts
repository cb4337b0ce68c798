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

/** Slugs of the words that Salla has for the statuses of every store: the history of an order says these alone. */
const slugs: Record<string, string> = {
  'بإنتظار الدفع': 'payment_pending',
  'بإنتظار المراجعة': 'under_review',
  'تحت المراجعة': 'under_review',
  'قيد التنفيذ': 'in_progress',
  'تم التنفيذ': 'completed',
  'جاري التوصيل': 'delivering',
  'تم التوصيل': 'delivered',
  'تم الشحن': 'shipped',
  ملغي: 'canceled',
  مسترجع: 'restored',
  'قيد الإسترجاع': 'restoring',
  'طلب عرض سعر': 'request_quote',
};

/** Salla's words by slug: where several words mean one, the first. */
const arabic = new Map([...Object.entries(slugs).toReversed().map(([word, slug]) => [slug, word] as const), ['cancelled', 'ملغي']]);

/** Letters that are typed in more than one way. */
const spelt = (word: string): string => word.trim().replace(/[أإآ]/g, 'ا');

const slugsAsSpelt = new Map(Object.entries(slugs).map(([word, slug]) => [spelt(word), slug]));

/** The slug of a status by Salla's word for it, or the word itself: a store has words of its own. */
export const slugOf = (word: string): string => slugsAsSpelt.get(spelt(word)) ?? word;

/** What a status means for the merchant. */
export type Tone = 'success' | 'warning' | 'error' | 'default';

const tones: Record<string, Tone> = {
  payment_pending: 'warning',
  under_review: 'warning',
  request_quote: 'warning',
  completed: 'success',
  delivered: 'success',
  canceled: 'error',
  cancelled: 'error',
  restored: 'error',
  restoring: 'error',
};

/** What it means that an order is in this status; what is merely under way has no colour. */
export const toneOf = (slug: string | null): Tone => (slug === null ? 'default' : (tones[slug] ?? 'default'));

/** The store's own word, else Salla's in Arabic and ours in English; the bare slug only where neither has a word. */
export const statusName = (locale: Locale, { slug, name, customName }: Status): string | null => {
  const ours = slug === null ? undefined : locale === 'en' ? english[slug] : arabic.get(slug);
  // Where the store has not renamed it, Salla sends its own word twice.
  const own = customName === name ? null : customName;
  return own ?? (locale === 'en' ? ours : undefined) ?? name ?? ours ?? slug;
};
