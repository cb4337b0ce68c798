import { latinDigits } from '../../format/digits';

/** Filters of which several values may be chosen. */
export const chosenFilters = ['status', 'paymentMethod', 'channel', 'city', 'country', 'group', 'kind', 'brand', 'category'] as const;
export type ChosenFilter = (typeof chosenFilters)[number];

/** Where words are looked for. */
export type Where = 'people' | 'products';

/** What the address of a list says. */
export type ListSearch = Partial<Record<ChosenFilter, string[]>> & {
  /** What was typed. */
  find?: string;
  /** Where words are looked for, in lists that have both. */
  where?: Where;
  from?: string;
  to?: string;
  amountFrom?: string;
  amountTo?: string;
  customerId?: number;
  productId?: number;
  sort?: string;
  /** Cursors of the pages before this one, the last is of this one. */
  cursors?: string[];
};

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 200;
const texts = (value: unknown): string[] | undefined => {
  const all = (Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'number' ? String(one) : one)).filter(isText);
  return all.length > 0 ? all : undefined;
};
const text = (value: unknown): string | undefined => texts(value)?.[0];
const day = (value: unknown): string | undefined => (isText(value) && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined);
const amount = (value: unknown): string | undefined => {
  const typed = text(value);
  return typed !== undefined && /^\d{1,12}(\.\d{1,4})?$/.test(typed) ? typed : undefined;
};
const id = (value: unknown): number | undefined => (Number.isSafeInteger(Number(value)) && Number(value) > 0 ? Number(value) : undefined);

/** Reads an address; what it cannot mean is left out. */
export const readLists = (search: Record<string, unknown>): ListSearch => {
  // What is left out is named, too: the router keeps what a page says nothing of.
  return {
    ...Object.fromEntries(chosenFilters.map((name) => [name, texts(search[name])])),
    find: text(search.find),
    where: search.where === 'products' || search.where === 'people' ? search.where : undefined,
    from: day(search.from),
    to: day(search.to),
    amountFrom: amount(search.amountFrom),
    amountTo: amount(search.amountTo),
    customerId: id(search.customerId),
    productId: id(search.productId),
    sort: text(search.sort),
    cursors: texts(search.cursors),
  };
};

/** The lists. */
export type ListName = 'orders' | 'customers' | 'products' | 'carts';

/** What was typed, as the API looks for it. */
export interface Sought {
  q?: string;
  name?: string;
  email?: string;
  phone?: string;
  number?: number;
}

const PHONE = /^(?:05\d{8}|(?:\+|00)\d{8,15}|966\d{9})$/;
const SHORT_PHONE = /^5\d{8}$/;

/** Decides by its form what was typed: an address, a phone, a number of an order, or words. */
export const seek = (list: ListName, find: string | undefined, where: Where = 'people'): Sought => {
  const typed = latinDigits(find ?? '').trim();
  if (typed === '') return {};
  if (list === 'products') return { q: typed };
  if (typed.includes('@')) return { email: typed };
  const bare = typed.replace(/[\s()-]/g, '');
  if (PHONE.test(bare) || (list !== 'orders' && SHORT_PHONE.test(bare))) return { phone: bare };
  const number = bare.replace(/^#/, '');
  if (list === 'orders' && /^\d{1,15}$/.test(number)) return { number: Number(number) };
  return list === 'orders' && where === 'products' ? { q: typed } : { name: typed };
};

/** Whether words were typed that may be of people or of products. */
export const isAmbiguous = (list: ListName, find: string | undefined): boolean => list === 'orders' && seek(list, find).name !== undefined;

type Amounts = Pick<ListSearch, 'amountFrom' | 'amountTo'>;

/** Two amounts the wrong way round mean what lies between them. */
export const amountsInOrder = ({ amountFrom, amountTo }: Amounts): Amounts =>
  amountFrom !== undefined && amountTo !== undefined && Number(amountFrom) > Number(amountTo) ? { amountFrom: amountTo, amountTo: amountFrom } : { amountFrom, amountTo };

/** How many filters are set. */
export const filterCount = (search: ListSearch): number =>
  chosenFilters.filter((name) => search[name] !== undefined).length +
  [search.from ?? search.to, search.amountFrom ?? search.amountTo, search.customerId, search.productId].filter((one) => one !== undefined).length;

/** Parameters of a list. */
export const listParams = (list: ListName, search: ListSearch) => {
  const { find, where, cursors, ...filters } = search;
  return { ...filters, ...seek(list, find, where), cursor: cursors?.at(-1), limit: 20 };
};
