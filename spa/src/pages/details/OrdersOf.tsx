import Box from '@mui/material/Box';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { OrdersBody } from '../../api/generated/client.schemas';
import { Moment, Money } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { ButtonLink, TextLink } from '../../shell/links';
import { Sentence, type WordId } from '../../words/words';
import { OrderNumber, Status } from '../lists/orderParts';
import type { ListSearch } from '../lists/search';
import { Part } from './Detail';

interface OrdersOfProps {
  title: WordId;
  /** Finds all of them in the list of orders. */
  search: ListSearch;
  query: { queryKey: readonly unknown[]; queryFn: (context: { signal: AbortSignal }) => Promise<OrdersBody> };
}

/** The newest orders of a customer or with a product, and the way to all of them. */
export const OrdersOf = ({ title, search, query }: OrdersOfProps): ReactElement => {
  const orders = useQuery(query);
  return (
    <Part title={title}>
      <Loaded query={orders} height={160}>
        {({ items, nextCursor }) => (
          <>
            {items.length === 0 && <Sentence id="groups.none.ever" />}
            <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 1 }}>
              {items.map((order) => (
                <Box component="li" key={order.id} sx={{ display: 'flex', columnGap: 2, justifyContent: 'space-between', flexWrap: 'wrap' }}>
                  <span>
                    <TextLink to="/orders/$id" params={{ id: String(order.id) }}>
                      <OrderNumber of={order} />
                    </TextLink>{' '}
                    · <Moment at={order.createdAt} /> <Status of={order.status} />
                  </span>
                  <Box component="span" sx={{ marginInlineStart: 'auto' }}>{order.total && <Money of={order.total} />}</Box>
                </Box>
              ))}
            </Box>
            {nextCursor !== null && (
              <ButtonLink to="/orders" search={search} size="small">
                <Sentence id="customer.allOrders" />
              </ButtonLink>
            )}
          </>
        )}
      </Loaded>
    </Part>
  );
};
