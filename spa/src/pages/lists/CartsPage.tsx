import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listCartFacets, listCarts } from '../../api/generated/client';
import { type CartBody, CartSort } from '../../api/generated/client.schemas';
import { Ago, Count, Money } from '../../format/shown';
import { Sentence } from '../../words/words';
import { type ListKind, ListPage } from './ListPage';
import { PersonName } from './orderParts';
import { StatusChip } from './StatusChip';

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
    { word: 'column.status', show: (cart) => <StatusChip list="carts" slug={cart.status} /> },
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
    aside: <StatusChip list="carts" slug={cart.status} />,
  }),
};

const CartsPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/carts' })} />;

export default CartsPage;
