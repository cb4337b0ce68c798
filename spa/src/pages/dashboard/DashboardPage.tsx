import Box from '@mui/material/Box';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactElement, useCallback, useEffect, useState } from 'react';

import { isUnderWay, isWithoutStore, syncQuery } from '../../api/queries';
import { NoStore } from '../../shell/NoStore';
import { Page } from '../../shell/Page';
import { useSay } from '../../words/words';
import { AsOf } from './AsOf';
import { Controls, Output } from './Controls';
import { CustomersCard } from './CustomersCard';
import { GroupsCard, StatusCard } from './GroupCards';
import { HoursCard } from './HoursCard';
import { Kpis } from './Kpis';
import { ProductsCard } from './ProductsCard';
import { SinceLastVisit } from './SinceLastVisit';
import { Stage, useStage } from './Stage';
import { TrendCard } from './TrendCard';
import { shownCurrency } from './currencies';
import { summaryQuery } from './reports';
import type { DashboardSearch } from './search';

/** The business at one look: period and comparison stand in the address. */
const DashboardPage = (): ReactElement => {
  const say = useSay();
  const search: DashboardSearch = useSearch({ from: '/inside/' });
  const navigate = useNavigate();
  const change = useCallback(
    (changed: Partial<DashboardSearch>) => void navigate({ to: '/', search: { ...search, ...changed }, resetScroll: false }),
    [navigate, search],
  );
  const summary = useQuery(summaryQuery(search));
  const known = useLastKnown(summary.data);
  const stage = useStage(!summary.isPending || summary.failureCount > 0, 2);
  useFreshWhileImporting();
  if (isWithoutStore(summary.error)) return <NoStore title={say('page.dashboard')} />;
  const store = known?.total.currency ?? 'SAR';
  const found = known?.figures.map((one) => one.currency) ?? [];
  const currency = shownCurrency(search.currency, found, store);
  return (
    <Page title={say('page.dashboard')} actions={<Output search={search} />}>
      <Controls search={search} change={change} currencies={found} currency={currency} />
      <AsOf query={summary} />
      <SinceLastVisit currency={currency} />
      <Kpis query={summary} search={search} currency={currency} />
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', md: 'minmax(0, 2fr) minmax(0, 1fr)' } }}>
        <TrendCard isReached={stage >= 1} search={search} currency={currency} change={change} />
        <Stage isReached={stage >= 2} height={ROW_HEIGHT}>
          <StatusCard search={search} currency={currency} />
          <ProductsCard search={search} currency={currency} />
          <CustomersCard search={search} currency={currency} />
          <HoursCard search={search} currency={currency} />
          <GroupsCard grouping="city" search={search} currency={currency} />
          <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', sm: '1fr 1fr' }, gridColumn: { md: '1 / -1' } }}>
            <GroupsCard grouping="payment" search={search} currency={currency} />
            <GroupsCard grouping="channel" search={search} currency={currency} />
          </Box>
        </Stage>
      </Box>
    </Page>
  );
};

/** What was known last: the other cards keep their currency where a summary fails. */
const useLastKnown = <T,>(data: T | undefined): T | undefined => {
  const [last, setLast] = useState(data);
  if (data !== undefined && data !== last) setLast(data);
  return data ?? last;
};

/** Pixels of a row of cards. */
const ROW_HEIGHT = 400;

/** While an import is under way, figures are read again so often (ms). */
const EVERY = 60_000;

const useFreshWhileImporting = (): void => {
  const client = useQueryClient();
  const { data } = useQuery(syncQuery());
  const isGrowing = data !== undefined && isUnderWay(data.status);
  useEffect(() => {
    if (!isGrowing) return;
    const timer = setInterval(() => void client.invalidateQueries({ queryKey: ['report'] }), EVERY);
    return () => clearInterval(timer);
  }, [client, isGrowing]);
};

export default DashboardPage;
