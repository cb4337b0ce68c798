import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { getSalesTrend, getTopProducts, listOrders } from '../../api/generated/client';
import type { SyncStatusBody } from '../../api/generated/client.schemas';
import { Day, Name, RoundMoney } from '../../format/shown';
import { addDays, calendarDay } from '../../format/times';
import { TextLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { Sentence, useSay } from '../../words/words';

/** How often (ms) it is asked what has arrived: figures grow by themselves meanwhile. */
const EVERY = 15_000;

/** What the import has brought until now: the first order ever, the best day, the best product. */
export const SoFar = ({ status }: { status: SyncStatusBody }): ReactElement | null => {
  const say = useSay();
  const arrived = status.phases.find((phase) => phase.name === 'list' && phase.resource === 'orders')?.done ?? 0;
  const enabled = arrived > 0;
  const days = { from: addDays(calendarDay(new Date()), -30 * (status.depthInMonths ?? 24)), to: calendarDay(new Date()) };
  const polled = { enabled, refetchInterval: EVERY, retry: false } as const;
  const first = useQuery({ queryKey: ['soFar', 'first'], queryFn: ({ signal }) => listOrders({ sort: 'createdAt', limit: 1 }, { signal }), ...polled });
  const trend = useQuery({ queryKey: ['soFar', 'trend', days], queryFn: ({ signal }) => getSalesTrend({ ...days, granularity: 'day' }, { signal }), ...polled });
  const top = useQuery({ queryKey: ['soFar', 'top', days], queryFn: ({ signal }) => getTopProducts({ ...days, limit: 5 }, { signal }), ...polled });
  if (!enabled) return null;
  const firstOrder = first.data?.items[0];
  const currency = trend.data && mainCurrency(trend.data.points);
  const best = trend.data && bestPoint(trend.data.points.filter((point) => point.figures.currency === currency));
  const product = top.data?.products.find((one) => one.sales.currency === currency);
  return (
    <Section title={say('import.soFar')}>
      <Typography component="ul" sx={{ margin: 0, paddingInlineStart: 3 }}>
        <li>{say('import.soFar.orders', { n: arrived })}</li>
        {firstOrder && (
          <li>
            <Sentence
              id="import.soFar.first"
              values={{
                day: (
                  <TextLink key="day" to="/orders/$id" params={{ id: String(firstOrder.id) }}>
                    <Day of={calendarDay(new Date(firstOrder.createdAt))} />
                  </TextLink>
                ),
              }}
            />
          </li>
        )}
        {best && (
          <li>
            <Sentence id="import.soFar.best" values={{ day: <Day key="day" of={best.from} />, sales: <RoundMoney key="sales" of={best.figures.sales} /> }} />
          </li>
        )}
        {product && (
          <li>
            <Sentence id="import.soFar.product" values={{ name: <Name key="name">{product.name}</Name> }} />
          </li>
        )}
      </Typography>
    </Section>
  );
};

interface Point {
  figures: { currency: string; orders: number; sales: { amount: string } };
}

/** The currency of most orders. */
const mainCurrency = (points: Point[]): string | undefined => {
  const orders = new Map<string, number>();
  for (const { figures } of points) orders.set(figures.currency, (orders.get(figures.currency) ?? 0) + figures.orders);
  return [...orders].toSorted(([, one], [, other]) => other - one)[0]?.[0];
};

/** The point with the largest sales. */
const bestPoint = <T extends Point>(points: T[]): T | undefined =>
  points
    .filter((point) => Number(point.figures.sales.amount) > 0)
    .reduce<T | undefined>((best, point) => (best === undefined || Number(point.figures.sales.amount) > Number(best.figures.sales.amount) ? point : best), undefined);
