import Chip from '@mui/material/Chip';
import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listOrderFacets, listOrders } from '../../api/generated/client';
import { type OrderBody, OrderSort, type OrderStateBody } from '../../api/generated/client.schemas';
import { Latin, Moment, Money, Name } from '../../format/shown';
import { useLocale } from '../../words/locale';
import { Sentence } from '../../words/words';
import { statusName } from '../../words/statuses';
import { type ListKind, ListPage } from './ListPage';

/** A status by its name. */
export const Status = ({ of }: { of: OrderStateBody }): ReactElement | null => {
  const name = statusName(useLocale(), of);
  return name === null ? null : <Chip size="small" label={<Name>{name}</Name>} />;
};

export const OrderNumber = ({ of }: { of: Pick<OrderBody, 'number'> }): ReactElement =>
  of.number === null ? <Sentence id="unnumbered" /> : <Latin>{`#${of.number}`}</Latin>;

/** Who bought; a guest has no account. */
export const PersonName = ({ name }: { name: string | null }): ReactElement => (name === null ? <Sentence id="guest" /> : <Name>{name}</Name>);

const total = (order: OrderBody): ReactElement | null => (order.total === null ? null : <Money of={order.total} />);

const kind: ListKind<OrderBody> = {
  name: 'orders',
  title: 'orders.title',
  search: 'lists.search.orders',
  empty: 'lists.none.orders',
  read: listOrders,
  readFacets: listOrderFacets,
  sorts: Object.values(OrderSort),
  id: (order) => order.id,
  columns: [
    { word: 'column.number', show: (order) => <OrderNumber of={order} /> },
    { word: 'column.customer', show: (order) => <PersonName name={order.customer.name} /> },
    { word: 'column.status', show: (order) => <Status of={order.status} /> },
    { word: 'column.date', show: (order) => <Moment at={order.createdAt} /> },
    { word: 'column.total', isNumber: true, show: total },
  ],
  card: (order) => ({
    title: <OrderNumber of={order} />,
    line: (
      <>
        <PersonName name={order.customer.name} /> · <Moment at={order.createdAt} />
      </>
    ),
    figure: total(order),
    aside: <Status of={order.status} />,
  }),
};

const OrdersPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/orders' })} />;

export default OrdersPage;
