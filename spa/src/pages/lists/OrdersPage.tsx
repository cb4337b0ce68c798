import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listOrderFacets, listOrders } from '../../api/generated/client';
import { type OrderBody, OrderSort } from '../../api/generated/client.schemas';
import { Moment, Money } from '../../format/shown';
import { type ListKind, ListPage } from './ListPage';
import { isOrderRead, OrderNumber, PersonName, Status } from './orderParts';

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
    { word: 'column.customer', show: (order) => <PersonName of={order.customer} isRead={isOrderRead(order)} /> },
    { word: 'column.status', show: (order) => <Status of={order.status} /> },
    { word: 'column.date', show: (order) => <Moment at={order.createdAt} /> },
    { word: 'column.total', isNumber: true, show: total },
  ],
  card: (order) => ({
    title: <OrderNumber of={order} />,
    line: (
      <>
        <PersonName of={order.customer} isRead={isOrderRead(order)} /> · <Moment at={order.createdAt} />
      </>
    ),
    figure: total(order),
    aside: <Status of={order.status} />,
  }),
};

const OrdersPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/orders' })} />;

export default OrdersPage;
