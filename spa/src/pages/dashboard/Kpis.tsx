import ArrowDownward from '@mui/icons-material/ArrowDownward';
import ArrowUpward from '@mui/icons-material/ArrowUpward';
import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import Tooltip from '@mui/material/Tooltip';
import Typography from '@mui/material/Typography';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { FiguresBody, SummaryBody, TrendBody } from '../../api/generated/client.schemas';
import { Spark } from '../../charts/Spark';
import { trendLines, wholeParts } from '../../charts/trend';
import { change as percent, money } from '../../format/numbers';
import { Count, RoundMoney } from '../../format/shown';
import { rangeOf } from '../../format/times';
import { Loaded } from '../../shell/Loaded';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { type Change, type Kpi, kpisOf, type Meaning } from './kpi';
import { trendQuery } from './reports';
import type { DashboardSearch } from './search';

const words: Record<Kpi['name'], WordId> = { sales: 'kpi.sales', orders: 'kpi.orders', average: 'kpi.average', lost: 'kpi.lost' };

/** Pixels of two rows of cards on a phone, of one above, and of the notes below. */
const HEIGHT = { xs: 412, md: 190 };

interface KpisProps {
  query: UseQueryResult<SummaryBody>;
  search: DashboardSearch;
  currency: string;
}

/** The four figures that a merchant looks at first. */
export const Kpis = ({ query, search, currency }: KpisProps): ReactElement => {
  const trend = useQuery(trendQuery(search));
  return (
    <Loaded query={query} height={HEIGHT}>
      {(summary) => (
        <Box sx={{ minHeight: HEIGHT }}>
          <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'repeat(2, minmax(0, 1fr))', md: 'repeat(4, minmax(0, 1fr))' } }}>
            {kpisOf(summary, currency).map((kpi) => (
              <Card key={kpi.name} kpi={kpi} previous={summary.previous} spark={sparkOf(trend.data, currency, kpi.name)} />
            ))}
          </Box>
          <Notes summary={summary} currency={currency} />
        </Box>
      )}
    </Loaded>
  );
};

const read: Record<Kpi['name'], (figures: FiguresBody) => number> = {
  sales: (figures) => Number(figures.sales.amount),
  orders: (figures) => figures.orders,
  average: (figures) => Number(figures.averageSale?.amount ?? 0),
  lost: (figures) => figures.cancelledCount + figures.returnedCount,
};

/** A small trend of what is complete: a day that has just begun would look like a fall. */
const sparkOf = (trend: TrendBody | undefined, currency: string, name: Kpi['name']): number[] => {
  if (trend === undefined) return [];
  const all = trend.points.filter((point) => point.figures.currency === currency).map((point) => ({ from: point.from, value: read[name](point.figures) }));
  const points = wholeParts(all, trend.window.from);
  const { complete } = trendLines(points, [], { completeFrom: trend.completeFrom, completeTo: trend.completeTo, ...trend.window });
  const known = complete.filter((value) => value !== null);
  return known.length > 1 ? known : points.map((point) => point.value);
};

const Card = ({ kpi, previous, spark }: { kpi: Kpi; previous: SummaryBody['previous']; spark: number[] }): ReactElement => (
  <Paper component="section" sx={{ padding: { xs: 1.5, sm: 2 }, minHeight: 150, display: 'grid', gridTemplateRows: 'auto auto auto 1fr', alignContent: 'start' }}>
    <Typography variant="body2" component="h2" sx={{ color: 'text.secondary' }}>
      <Sentence id={words[kpi.name]} />
    </Typography>
    <Typography component="p" sx={{ fontWeight: 600, fontSize: { xs: '1.25rem', sm: '1.625rem' }, lineHeight: 1.4 }}>
      {kpi.value === null ? <Sentence id="none" /> : typeof kpi.value === 'number' ? <Count of={kpi.value} /> : <RoundMoney of={kpi.value} />}
    </Typography>
    <Changed change={kpi.change} previous={previous} />
    <Box sx={{ alignSelf: 'end', marginBlockStart: 1 }}>
      <Spark values={spark} />
    </Box>
  </Paper>
);

const colors: Record<Meaning, string> = { good: 'success.main', bad: 'error.main', neutral: 'text.secondary' };

/** An arrow for the direction, a colour for the meaning, and the days on demand. */
const Changed = ({ change, previous }: { change: Change; previous: SummaryBody['previous'] }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const days = previous === null ? '' : rangeOf(locale, previous.from, previous.to);
  if (change.kind === 'none' || change.kind === 'before-import' || change.kind === 'same') {
    const word = { none: 'change.none', 'before-import': 'change.beforeImport', same: 'change.same' } as const;
    return (
      <Typography variant="caption" sx={{ color: 'text.secondary' }}>
        {change.kind === 'same' ? '' : '— '}
        <Sentence id={word[change.kind]} />
      </Typography>
    );
  }
  const isUp = change.kind === 'new' || change.ratio > 0;
  const Arrow = isUp ? ArrowUpward : ArrowDownward;
  return (
    <Tooltip
      title={
        <>
          <bdi>{days}</bdi>
          {change.isUnfinished && (
            <>
              {' · '}
              <Sentence id="change.unfinished" />
            </>
          )}
        </>
      }
    >
      <Typography variant="caption" tabIndex={0} sx={{ color: colors[change.meaning], display: 'inline-flex', gap: 0.5, alignItems: 'center', justifySelf: 'start' }}>
        <Arrow sx={{ fontSize: '1rem' }} titleAccess={say(isUp ? 'change.up' : 'change.down')} />
        <bdi>{change.kind === 'new' ? say('change.new') : percent(locale, change.ratio)}</bdi>
      </Typography>
    </Tooltip>
  );
};

/** What the figures are made of, and what they lack. */
const Notes = ({ summary, currency }: { summary: SummaryBody; currency: string }): ReactElement => {
  const locale = useLocale();
  const figures = summary.figures.find((one) => one.currency === currency);
  const { total } = summary;
  const contained = figures && figures.salesContain.knownOf > 0 && figures.salesContain.knownOf >= figures.salesCount ? figures.salesContain : undefined;
  return (
    <Typography variant="caption" component="p" sx={{ color: 'text.secondary', marginBlockStart: 1 }}>
      {contained && (
        <Sentence
          id="sales.contain"
          values={{
            tax: <bdi key="tax">{money(locale, contained.tax)}</bdi>,
            shipping: <bdi key="shipping">{money(locale, contained.shipping)}</bdi>,
            discount: <bdi key="discount">{money(locale, contained.discount)}</bdi>,
          }}
        />
      )}
      {figures !== undefined && figures.waitingForPaymentCount > 0 && (
        <>
          {' · '}
          <Sentence id="kpi.waiting" values={{ n: figures.waitingForPaymentCount }} />
        </>
      )}
      {summary.figures.length > 1 && (
        <>
          {' · '}
          <Sentence id="sales.total" values={{ sales: <bdi key="sales">{money(locale, total.sales)}</bdi> }} />
        </>
      )}
      {total.withoutRate > 0 && (
        <>
          {' '}
          <Sentence id="sales.withoutRate" values={{ n: total.withoutRate }} />
        </>
      )}
    </Typography>
  );
};
