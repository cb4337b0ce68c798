import { useQueryClient } from '@tanstack/react-query';

import type { FacetsBody } from '../../api/generated/client.schemas';
import { useLocale } from '../../words/locale';
import { useSay, type WordId } from '../../words/words';
import { statusName } from '../../words/statuses';
import type { ListName } from './search';

/** Statuses that are Salla's alone, so that the page has words for them; orders have those of their store. */
const words: Partial<Record<ListName, Record<string, WordId>>> = {
  products: { hidden: 'product.hidden', out: 'product.out', sale: 'product.sale' },
  carts: { active: 'cart.status.active', purchased: 'cart.status.purchased' },
};

/** What a status is called in a list: in the page's words, else as the store says it (`label`), else by its slug. */
export const useStatusName = () => {
  const say = useSay();
  const locale = useLocale();
  return (list: ListName, slug: string, label: string | null): string => {
    const word = words[list]?.[slug];
    return word ? say(word) : (statusName(locale, { slug, name: label, customName: null }) ?? slug);
  };
};

/** The same where no row is at hand: the store's word is that of the list's filters, where they were read. */
export const useKnownStatusName = () => {
  const nameOf = useStatusName();
  const client = useQueryClient();
  return (list: ListName, slug: string): string => {
    const known = client.getQueryData<FacetsBody>(['facets', list])?.facets.find((facet) => facet.filter === 'status');
    return nameOf(list, slug, known?.values.find((one) => one.value === slug)?.label ?? null);
  };
};
