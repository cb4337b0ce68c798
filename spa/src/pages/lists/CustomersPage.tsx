import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listCustomerFacets, listCustomers } from '../../api/generated/client';
import { type CustomerBody, CustomerSort } from '../../api/generated/client.schemas';
import { Count, Latin, Moment, Money, Name } from '../../format/shown';
import { Sentence } from '../../words/words';
import { type ListKind, ListPage } from './ListPage';

/** A customer's name. */
export const CustomerName = ({ of }: { of: Pick<CustomerBody, 'firstName' | 'lastName'> }): ReactElement => {
  const name = [of.firstName, of.lastName].filter(Boolean).join(' ');
  return name === '' ? <Sentence id="unnamed" /> : <Name>{name}</Name>;
};

/** How a customer is reached. */
export const Contact = ({ of }: { of: Pick<CustomerBody, 'phone' | 'email'> }): ReactElement | null => {
  const contact = of.phone ?? of.email;
  return contact === null ? null : <Latin>{contact}</Latin>;
};

const kind: ListKind<CustomerBody> = {
  name: 'customers',
  title: 'customers.page',
  search: 'lists.search.customers',
  empty: 'lists.none.customers',
  read: listCustomers,
  readFacets: listCustomerFacets,
  sorts: Object.values(CustomerSort),
  id: (customer) => customer.id,
  columns: [
    { word: 'column.customer', show: (customer) => <CustomerName of={customer} /> },
    { word: 'column.contact', show: (customer) => <Contact of={customer} /> },
    { word: 'column.city', show: (customer) => customer.city !== null && <Name>{customer.city}</Name> },
    { word: 'column.orders', isNumber: true, show: (customer) => <Count of={customer.orders} /> },
    { word: 'column.sales', isNumber: true, show: (customer) => <Money of={customer.sales} /> },
    { word: 'column.lastOrder', show: (customer) => customer.lastOrderAt !== null && <Moment at={customer.lastOrderAt} /> },
  ],
  card: (customer) => ({
    title: <CustomerName of={customer} />,
    line: <Contact of={customer} />,
    figure: <Money of={customer.sales} />,
    aside: (
      <Sentence id="orders.n" values={{ n: customer.orders }} />
    ),
  }),
};

const CustomersPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/customers' })} />;

export default CustomersPage;
