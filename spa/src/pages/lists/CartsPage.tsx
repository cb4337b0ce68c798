import Chip from '@mui/material/Chip';
import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listCartFacets, listCarts } from '../../api/generated/client';
import { type CartBody, CartSort } from '../../api/generated/client.schemas';
import { Ago, Count, Money, Name } from '../../format/shown';
import { Sentence, useSay } from '../../words/words';
import { type ListKind, ListPage } from './ListPage';
import { PersonName } from './orderParts';

const words = { active: 'cart.status.active', purchased: 'cart.status.purchased' } as const;

/** What became of a cart. */
export const CartStatus = ({ status }: { status: string | null }): ReactElement | null => {
  const say = useSay();
  if (status === null) return null;
  const word = words[status as keyof typeof words];
  return <Chip size="small" label={word ? say(word) : <Name>{status}</Name>} />;
};

const total = (cart: CartBody): ReactElement | null => (cart.total === null ? null : <Money of={cart.total} />);

const kind: ListKind<CartBody> = {
  name: 'carts',
  title: 'carts.title',
  search: 'lists.search.carts',
  empty: 'lists.none.carts',
  read: listCarts,
  readFacets: listCartFacets,
  sorts: Object.values(CartSort),
  id: (cart) => cart.id,
  columns: [
    { word: 'column.customer', show: (cart) => <PersonName of={cart.customer} isRead /> },
    { word: 'column.status', show: (cart) => <CartStatus status={cart.status} /> },
    { word: 'column.age', show: (cart) => <Ago at={cart.createdAt} /> },
    { word: 'column.items', isNumber: true, show: (cart) => <Count of={cart.lines.length} /> },
    { word: 'column.total', isNumber: true, show: total },
  ],
  card: (cart) => ({
    title: <PersonName of={cart.customer} isRead />,
    line: (
      <>
        <Sentence id="column.age" /> <Ago at={cart.createdAt} />
      </>
    ),
    figure: total(cart),
    aside: <CartStatus status={cart.status} />,
  }),
};

const CartsPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/carts' })} />;

export default CartsPage;
