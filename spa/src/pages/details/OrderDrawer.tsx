import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { getOrder, getOrderHistories } from '../../api/generated/client';
import type { OrderLineBody, OrderWithLinesBody } from '../../api/generated/client.schemas';
import { Latin, Moment, Money, Name, Quantity } from '../../format/shown';
import { TextLink } from '../../shell/links';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import { channelName, paymentName } from '../../words/slugs';
import { slugOf, statusName } from '../../words/statuses';
import { isOrderRead, OrderNumber, PersonName, Status } from '../lists/orderParts';
import { AtSalla } from './AtSalla';
import { EmailLink, PhoneLink } from './contacts';
import { Detail, Facts, Part } from './Detail';

/** An order: lines, amounts that add up, people, what became of it. */
const OrderDrawer = (): ReactElement => {
  const say = useSay();
  const id = Number(useParams({ from: '/inside/orders/$id' }).id);
  const order = useQuery({ queryKey: ['order', id], queryFn: ({ signal }) => getOrder(id, { signal }) });
  const title = order.data ? <Sentence id="order.title" values={{ number: <OrderNumber key="number" of={order.data} /> }} /> : say('column.number');
  return (
    <Detail of="orders" title={title} query={order}>
      {(found) => (
        <>
          <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', alignItems: 'center' }}>
            <Status of={found.status} />
            <Moment at={found.createdAt} />
            {found.isPendingPayment === true && (
              <Typography variant="body2" sx={{ color: 'warning.main' }}>
                <Sentence id="order.pendingPayment" />
              </Typography>
            )}
          </Box>
          <Part title="order.lines">
            <Lines order={found} />
          </Part>
          <Part title="order.sums">
            <Sums order={found} />
          </Part>
          <Part title="order.people">
            <People order={found} />
          </Part>
          <Part title="order.history">
            <History id={id} />
          </Part>
          {found.adminUrl !== null && <AtSalla label="order.atSalla" href={found.adminUrl} />}
        </>
      )}
    </Detail>
  );
};

const Lines = ({ order }: { order: OrderWithLinesBody }): ReactElement => {
  if (!order.linesComplete) {
    return (
      <Typography sx={{ color: 'text.secondary' }}>
        <Sentence id="order.lines.later" />
      </Typography>
    );
  }
  if (order.lines.length === 0) {
    return (
      <Typography sx={{ color: 'text.secondary' }}>
        <Sentence id="order.lines.none" />
      </Typography>
    );
  }
  return (
    <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 1 }}>
      {order.lines.map((line, index) => (
        <Line key={index} line={line} />
      ))}
    </Box>
  );
};

const Line = ({ line }: { line: OrderLineBody }): ReactElement => {
  const name = line.name === null ? <Sentence id="unnamed" /> : <Name>{line.name}</Name>;
  return (
    <Box component="li" sx={{ display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) auto', gap: 1 }}>
      <div>
        {line.productId === null ? (
          name
        ) : (
          <TextLink to="/products/$id" params={{ id: String(line.productId) }} color="inherit" underline="hover">
            {name}
          </TextLink>
        )}
        <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
          {line.options !== null && (
            <>
              <Name>{line.options}</Name>
              <br />
            </>
          )}
          {line.sku !== null && <Sentence id="order.sku" values={{ sku: <Latin key="sku">{line.sku}</Latin> }} />}
        </Typography>
      </div>
      <Box sx={{ textAlign: 'end' }}>
        {line.total !== null && <Money of={line.total} />}
        {line.quantity !== null && line.unitPrice !== null && (
          <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
            <Sentence id="order.times" values={{ quantity: <Quantity key="quantity" of={line.quantity} />, price: <Money key="price" of={line.unitPrice} /> }} />
          </Typography>
        )}
      </Box>
    </Box>
  );
};

/** Amounts that add up to the total: what is in it beside them is shown, too. */
const Sums = ({ order }: { order: OrderWithLinesBody }): ReactElement => {
  const isContained = order.sums?.discountIsInSubTotal === true;
  const other = order.sums?.other ?? null;
  const amount = (of: { amount: string; currency: string } | null, isLess = false): ReactElement | null =>
    of === null || Number(of.amount) === 0 ? null : <Money of={isLess ? { ...of, amount: negated(of.amount) } : of} />;
  return (
    <Facts
      rows={[
        [<Sentence key="s" id="order.subTotal" />, amount(order.subTotal)],
        [<Sentence key="d" id={isContained ? 'order.discount.contained' : 'order.discount'} />, amount(order.discount, true)],
        [<Sentence key="h" id="order.shipping" />, amount(order.shippingCost)],
        [<Sentence key="c" id="order.cashOnDelivery" />, amount(order.cashOnDelivery)],
        [<Sentence key="t" id="order.tax" />, amount(order.tax)],
        [<Sentence key="o" id="order.other" />, amount(other)],
        [
          <strong key="a">
            <Sentence id="order.total" />
          </strong>,
          order.total && (
            <strong>
              <Money of={order.total} />
            </strong>
          ),
        ],
      ]}
    />
  );
};

const negated = (amount: string): string => (amount.startsWith('-') ? amount.slice(1) : `-${amount}`);

const People = ({ order }: { order: OrderWithLinesBody }): ReactElement => {
  const locale = useLocale();
  const { customer, receiver } = order;
  const name = <PersonName of={customer} isRead={isOrderRead(order)} />;
  const hasReceiver = receiver.name !== null && receiver.name !== customer.name;
  return (
    <Facts
      rows={[
        [
          <Sentence key="p" id="order.people" />,
          customer.id === null ? (
            name
          ) : (
            <TextLink to="/customers/$id" params={{ id: String(customer.id) }}>
              {name}
            </TextLink>
          ),
        ],
        [<Sentence key="c" id="customer.contact" />, customer.phone !== null && <PhoneLink of={customer.phone} />],
        [null, customer.email !== null && <EmailLink of={customer.email} />],
        [<Sentence key="r" id="order.receiver" />, hasReceiver && <Name>{receiver.name ?? ''}</Name>],
        [<Sentence key="y" id="column.city" />, order.city !== null && <Name>{order.city}</Name>],
        [<Sentence key="b" id="order.paidBy" />, order.paymentMethod !== null && <Name>{paymentName(locale, order.paymentMethod)}</Name>],
        [<Sentence key="h" id="order.channel" />, order.channel !== null && <Name>{channelName(locale, order.channel)}</Name>],
      ]}
    />
  );
};

/** What happened to the order; Salla is asked when somebody looks. */
const History = ({ id }: { id: number }): ReactElement => {
  const locale = useLocale();
  const query = useQuery({ queryKey: ['history', id], queryFn: ({ signal }) => getOrderHistories(id, { signal }), retry: false });
  if (query.isError) {
    return (
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        <Sentence id="order.history.failed" />
      </Typography>
    );
  }
  const entries = query.data?.entries ?? [];
  return (
    <Box component="ol" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 1, minHeight: 40, borderInlineStart: 2, borderInlineStartStyle: 'solid', borderColor: 'divider' }} aria-busy={query.isPending}>
      {entries.map((entry, index) => (
        <Box component="li" key={index} sx={{ paddingInlineStart: 2, fontSize: '.875rem' }}>
          <Name>{entry.status === null ? (entry.note ?? '') : (statusName(locale, { slug: slugOf(entry.status), name: entry.status, customName: null }) ?? '')}</Name>
          <Box sx={{ color: 'text.secondary' }}>{entry.at !== null && <Moment at={entry.at} />}</Box>
          {entry.status !== null && entry.note !== null && (
            <Box sx={{ color: 'text.secondary' }}>
              <Name>{entry.note}</Name>
            </Box>
          )}
        </Box>
      ))}
      {query.data?.isCurrent === false && (
        <Typography variant="caption" sx={{ paddingInlineStart: 2, color: 'text.secondary' }}>
          <Sentence id="order.history.older" values={{ moment: <Moment key="moment" at={query.data.asOf} /> }} />
        </Typography>
      )}
    </Box>
  );
};

export default OrderDrawer;
