import type { Locale } from '../format/locale';

type Named = Record<Locale, string>;

/** Ways of paying that Salla names by a slug, as merchants call them. */
const payments: Record<string, Named> = {
  mada: { ar: 'مدى', en: 'mada' },
  credit_card: { ar: 'بطاقة ائتمانية', en: 'Credit card' },
  apple_pay: { ar: 'Apple Pay', en: 'Apple Pay' },
  google_pay: { ar: 'Google Pay', en: 'Google Pay' },
  stc_pay: { ar: 'STC Pay', en: 'STC Pay' },
  cod: { ar: 'الدفع عند الاستلام', en: 'Cash on delivery' },
  bank: { ar: 'حوالة بنكية', en: 'Bank transfer' },
  free: { ar: 'مجاني', en: 'Free' },
  paypal: { ar: 'PayPal', en: 'PayPal' },
  tabby_installment: { ar: 'تابي', en: 'Tabby' },
  tamara_installment: { ar: 'تمارا', en: 'Tamara' },
  mispay_installment: { ar: 'MIS Pay', en: 'MIS Pay' },
  waiting: { ar: 'بانتظار الدفع', en: 'Waiting for payment' },
};

/** Where an order was placed, by Salla's slug. */
const channels: Record<string, Named> = {
  store: { ar: 'المتجر', en: 'Store' },
  dashboard: { ar: 'لوحة سلة', en: 'Salla’s dashboard' },
  mobile: { ar: 'متصفح الجوال', en: 'Mobile browser' },
  'mobile-app': { ar: 'تطبيق الجوال', en: 'Mobile app' },
  desktop: { ar: 'الحاسوب', en: 'Desktop' },
  affiliate: { ar: 'التسويق بالعمولة', en: 'Affiliate' },
  'mahly-app': { ar: 'تطبيق محلي', en: 'Mahly app' },
  pos: { ar: 'نقطة بيع', en: 'Point of sale' },
  api: { ar: 'API', en: 'API' },
};

/** A merchant's word for a way of paying; Salla's slug where we have none. */
export const paymentName = (locale: Locale, slug: string): string => payments[slug]?.[locale] ?? slug;

/** A merchant's word for a channel; Salla's slug where we have none. */
export const channelName = (locale: Locale, slug: string): string => channels[slug]?.[locale] ?? slug;
