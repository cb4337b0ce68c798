import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useState } from 'react';

import type { PointBody, TrendBody } from '../../api/generated/client.schemas';
import { type TrendPoint, trendLines, wholeParts } from '../../charts/trend';
import { money } from '../../format/numbers';
import { rangeOf } from '../../format/times';
import { Loaded, Waiting } from '../../shell/Loaded';
import { OneOf } from '../../shell/OneOf';
import { Section } from '../../shell/Section';
import { useLocale } from '../../words/locale';
import { Sentence, type Say, useSay, type WordId } from '../../words/words';
import { isNotComparable } from './completeness';
import { trendQuery } from './reports';
import { type DashboardSearch, granularities, type Granularity } from './search';
import type { TrendRows } from './TrendTable';

const TrendChart = lazy(() => import('../../charts/TrendChart'));
const TrendTable = lazy(() => import('./TrendTable'));

interface TrendCardProps {
  /** Until its stage the card stands there with its title, so that nothing moves. */
  isReached: boolean;
  search: DashboardSearch;
  currency: string;
  change: (search: Partial<DashboardSearch>) => void;
}

/** Sales over time, with the days they are compared with. */
export const TrendCard = ({ isReached, search, currency, change }: TrendCardProps): ReactElement => {
  const say = useSay();
  const query = useQuery(trendQuery(search));
  const height = useMediaQuery('(max-width: 699px)') ? 260 : 300;
  const granularity = query.data?.granularity ?? 'day';
  const title = say(`trend.title.${granularity}` as WordId);
  return (
    <Section title={title} aside={<GranularityChoice chosen={granularity} change={(one) => change({ granularity: one })} />}>
      {isReached ? (
        <Loaded query={query} height={height + 40}>
          {(trend) => <Drawn trend={trend} currency={currency} height={height} title={title} previousName={capital(say(`compare.${search.compare ?? 'previous'}`))} change={change} />}
        </Loaded>
      ) : (
        <Waiting height={height + 40} />
      )}
    </Section>
  );
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const GranularityChoice = ({ chosen, change }: { chosen: Granularity; change: (one: Granularity) => void }): ReactElement => {
  const say = useSay();
  return <OneOf label={say('granularity.label')} options={granularities.map((one) => ({ value: one, shown: say(`granularity.${one}`) }))} chosen={chosen} choose={change} />;
};

interface DrawnProps {
  trend: TrendBody;
  currency: string;
  height: number;
  title: string;
  previousName: string;
  change: TrendCardProps['change'];
}

const valuesOf = (points: PointBody[], currency: string): TrendPoint[] =>
  points.filter((point) => point.figures.currency === currency).map((point) => ({ from: point.from, value: Number(point.figures.sales.amount) }));

const Drawn = ({ trend, currency, height, title, previousName, change }: DrawnProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const points = wholeParts(valuesOf(trend.points, currency), trend.window.from);
  const hasOrders = trend.points.some((point) => point.figures.orders > 0);
  if (!hasOrders) {
    return (
      <Box sx={{ height: height + 40, display: 'grid', placeContent: 'center', justifyItems: 'center', gap: 2, textAlign: 'center' }}>
        <Typography>
          <Sentence id="trend.none" values={{ range: <bdi key="range">{rangeOf(locale, trend.window.from, trend.window.to)}</bdi> }} />
        </Typography>
        <Button variant="outlined" onClick={() => change({ period: '12m', from: undefined, to: undefined })}>
          <Sentence id="trend.wider" />
        </Button>
      </Box>
    );
  }
  const isWithheld = trend.previous === null || isNotComparable(trend.previous.from, trend);
  const before = isWithheld || trend.previous === null ? [] : valuesOf(trend.previous.points, currency);
  const lines = trendLines(points, before, { completeFrom: trend.completeFrom, completeTo: trend.completeTo, ...trend.window, previousFrom: trend.previous?.from });
  return (
    <>
      <Suspense fallback={<Waiting height={height} />}>
        <TrendChart
          title={title}
          lines={lines}
          granularity={trend.granularity}
          marks={marksOf(trend, lines.days, say)}
          previousName={previousName}
          show={(value) => money(locale, { amount: String(value), currency })}
          height={height}
        />
      </Suspense>
      <AsTable from={trend.window.from} points={trend.points.filter((point) => point.figures.currency === currency)} granularity={trend.granularity} readFrom={trend.completeFrom} />
    </>
  );
};

/** Occasions that begin within the window, at the part that they begin in. */
const marksOf = (trend: TrendBody, days: string[], say: Say): { day: string; name: string; rank: number }[] =>
  trend.occasions.flatMap((occasion) => {
    const day = days.filter((one) => one <= occasion.from).at(-1) ?? (occasion.to >= (days[0] ?? '') ? days[0] : undefined);
    const word = `occasion.${occasion.name}` as WordId;
    return day === undefined ? [] : [{ day, name: ranks.includes(occasion.name) ? say(word) : occasion.name, rank: rankOf(occasion.name) }];
  });

/** Occasions that have words, the most important for trade first. */
const ranks = ['eid_al_fitr', 'eid_al_adha', 'ramadan', 'white_friday', 'national_day', 'founding_day', 'flag_day'];

const rankOf = (name: string): number => (ranks.includes(name) ? ranks.indexOf(name) : ranks.length);

/** The same rows for who would rather read them; they are made when they are asked for. */
const AsTable = (rows: TrendRows): ReactElement => {
  const [isOpen, setOpen] = useState(false);
  return (
    <Box
      component="details"
      onToggle={(event) => setOpen(event.currentTarget.open)}
      sx={{ '& summary': { cursor: 'pointer', minHeight: 40, display: 'inline-flex', alignItems: 'center', color: 'primary.main', fontSize: '.875rem' } }}
    >
      <summary>
        <Sentence id="trend.table" />
      </summary>
      {isOpen && (
        <Suspense fallback={<Waiting height={40 * rows.points.length} />}>
          <TrendTable {...rows} />
        </Suspense>
      )}
    </Box>
  );
};
