import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { getCart, getProduct } from '../../api/generated/client';
import type { CartBody } from '../../api/generated/client.schemas';
import { Latin, Moment, Money, Name, Quantity } from '../../format/shown';
import { TextLink } from '../../shell/links';
import { Sentence, useSay } from '../../words/words';
import { StatusChip } from '../lists/StatusChip';
import { PersonName } from '../lists/orderParts';
import { Detail, Facts, Part } from './Detail';

/** So many products of a cart are named; more are counted. */
const NAMED = 10;

/** An abandoned cart: whose, what is in it, where the customer can go on. */
const CartDrawer = (): ReactElement => {
  const say = useSay();
  const id = Number(useParams({ from: '/inside/carts/$id' }).id);
  const cart = useQuery({ queryKey: ['cart', id], queryFn: ({ signal }) => getCart(id, { signal }) });
  return (
    <Detail of="carts" title={cart.data ? <PersonName of={cart.data.customer} isRead /> : say('carts.one')} query={cart}>
      {(found) => (
        <>
          <Facts
            rows={[
              [<Sentence key="st" id="column.status" />, <StatusChip key="s" list="carts" slug={found.status} />],
              [<Sentence key="m" id={found.createdAtFrom === 'receipt' ? 'cart.firstHeard' : 'column.age'} />, <Moment key="a" at={found.createdAt} />],
              [<Sentence key="u" id="cart.updated" />, found.updatedAt && <Moment at={found.updatedAt} />],
              [<Sentence key="k" id="cart.coupon" />, found.couponCode && <Latin>{found.couponCode}</Latin>],
            ]}
          />
          <Part title="order.lines">
            <Lines cart={found} />
          </Part>
          <Part title="order.sums">
            <Facts
              rows={[
                [<Sentence key="s" id="order.subTotal" />, found.subTotal && <Money of={found.subTotal} />],
                [<Sentence key="d" id="order.discount" />, found.discount && Number(found.discount.amount) !== 0 && <Money of={found.discount} />],
                [
                  <strong key="t">
                    <Sentence id="order.total" />
                  </strong>,
                  found.total && (
                    <strong>
                      <Money of={found.total} />
                    </strong>
                  ),
                ],
              ]}
            />
          </Part>
          <Part title="order.people">
            <Person of={found} />
          </Part>
          {found.checkoutUrl !== null && (
            <Link href={found.checkoutUrl} target="_blank" rel="noreferrer">
              <Sentence id="cart.checkout" />
            </Link>
          )}
        </>
      )}
    </Detail>
  );
};

const Person = ({ of: { customer } }: { of: CartBody }): ReactElement => (
  <Facts
    rows={[
      [
        <Sentence key="n" id="order.people" />,
        customer.id === null ? (
          <PersonName of={customer} isRead />
        ) : (
          <TextLink to="/customers/$id" params={{ id: String(customer.id) }}>
            <PersonName of={customer} isRead />
          </TextLink>
        ),
      ],
      [<Sentence key="p" id="customer.phone" />, customer.phone && <Latin>{customer.phone}</Latin>],
      [<Sentence key="e" id="customer.email" />, customer.email && <Latin>{customer.email}</Latin>],
      [<Sentence key="c" id="column.city" />, customer.city && <Name>{customer.city}</Name>],
    ]}
  />
);

/** Salla sends ids and quantities of a cart's products; names come from the products. */
const Lines = ({ cart }: { cart: CartBody }): ReactElement => {
  const ids = [...new Set(cart.lines.map((line) => line.productId).filter((one) => one !== null))].slice(0, NAMED);
  const products = useQueries({
    queries: ids.map((id) => ({ queryKey: ['product', id], queryFn: ({ signal }: { signal: AbortSignal }) => getProduct(id, { signal }), retry: false })),
  });
  const names = new Map(ids.map((id, index) => [id, products[index]?.data?.name]));
  return (
    <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 1 }}>
      {cart.lines.map((line, index) => {
        const name = line.productId === null ? undefined : names.get(line.productId);
        const shown = name ? <Name>{name}</Name> : <Sentence id="unnamed" />;
        return (
          <Box component="li" key={index} sx={{ display: 'flex', justifyContent: 'space-between', gap: 2 }}>
            {line.productId === null ? (
              shown
            ) : (
              <TextLink to="/products/$id" params={{ id: String(line.productId) }} color="inherit" underline="hover">
                {shown}
              </TextLink>
            )}
            {line.quantity !== null && (
              <bdi>
                × <Quantity of={line.quantity} />
              </bdi>
            )}
          </Box>
        );
      })}
    </Box>
  );
};

export default CartDrawer;
