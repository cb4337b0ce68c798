import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { Fragment, type ReactElement } from 'react';

import { getCustomer, listOrders } from '../../api/generated/client';
import { Day, Moment, Money, Name } from '../../format/shown';
import { Sentence, useSay } from '../../words/words';
import { CustomerName } from '../lists/CustomersPage';
import { EmailLink, PhoneLink } from './contacts';
import { Detail, Facts, Part } from './Detail';
import { OrdersOf } from './OrdersOf';

/** A customer: what they bought, since when, and their orders. */
const CustomerDrawer = (): ReactElement => {
  const say = useSay();
  const id = Number(useParams({ from: '/inside/customers/$id' }).id);
  const customer = useQuery({ queryKey: ['customer', id], queryFn: ({ signal }) => getCustomer(id, { signal }) });
  const title = customer.data ? <CustomerName of={customer.data} /> : say('column.customer');
  return (
    <Detail of="customers" title={title} query={customer}>
      {(found) => (
        <>
          <Part title="customer.bought">
            <Facts
              rows={[
                ...found.bought.map((one): [ReactElement, ReactElement] => [
                  <Fragment key={one.sales.currency}>{say('orders.n', { n: one.orders })}</Fragment>,
                  <Money key="m" of={one.sales} />,
                ]),
                [<Sentence key="f" id="customer.firstOrder" />, found.firstOrderAt && <Moment at={found.firstOrderAt} />],
                [<Sentence key="l" id="customer.lastOrder" />, found.lastOrderAt && <Moment at={found.lastOrderAt} />],
              ]}
            />
          </Part>
          <Part title="customer.contact">
            <Facts
              rows={[
                [<Sentence key="p" id="customer.phone" />, found.phone && <PhoneLink of={found.phone} />],
                [<Sentence key="e" id="customer.email" />, found.email && <EmailLink of={found.email} />],
                [<Sentence key="c" id="column.city" />, (found.city ?? found.location) && <Name>{found.city ?? found.location ?? ''}</Name>],
                [<Sentence key="b" id="customer.birthday" />, found.birthday && <Birthday of={found.birthday} />],
                [<Sentence key="s" id="customer.since" />, found.createdAt && <Moment at={found.createdAt} />],
              ]}
            />
          </Part>
          <OrdersOf title="customer.orders" search={{ customerId: id }} query={{ queryKey: ['ordersOf', 'customer', id], queryFn: ({ signal }) => listOrders({ customerId: id, limit: 5 }, { signal }) }} />
        </>
      )}
    </Detail>
  );
};

/** Salla sends what its merchants typed: mostly a day, not always. */
const Birthday = ({ of }: { of: string }): ReactElement => (/^\d{4}-\d{2}-\d{2}$/.test(of) ? <Day of={of} /> : <Name>{of}</Name>);

export default CustomerDrawer;
