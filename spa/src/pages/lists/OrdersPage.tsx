import Chip from '@mui/material/Chip';
import { useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listOrderFacets, listOrders } from '../../api/generated/client';
import { type OrderBody, OrderSort, type OrderStateBody } from '../../api/generated/client.schemas';
import { isUnderWay, syncQuery } from '../../api/queries';
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

/** Who bought. Without a name: somebody who was erased, or a guest, who has no account; while an import is under way, nobody knows yet. */
export const PersonName = ({ of: { id, name } }: { of: { id: number | null; name: string | null } }): ReactElement => {
  const sync = useQuery(syncQuery());
  if (name !== null) return <Name>{name}</Name>;
  if (sync.data !== undefined && isUnderWay(sync.data.status)) return <Sentence id="none" />;
  return <Sentence id={id === null ? 'guest' : 'erased'} />;
};

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
    { word: 'column.customer', show: (order) => <PersonName of={order.customer} /> },
    { word: 'column.status', show: (order) => <Status of={order.status} /> },
    { word: 'column.date', show: (order) => <Moment at={order.createdAt} /> },
    { word: 'column.total', isNumber: true, show: total },
  ],
  card: (order) => ({
    title: <OrderNumber of={order} />,
    line: (
      <>
        <PersonName of={order.customer} /> · <Moment at={order.createdAt} />
      </>
    ),
    figure: total(order),
    aside: <Status of={order.status} />,
  }),
};

const OrdersPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/orders' })} />;

export default OrdersPage;
