import Box from '@mui/material/Box';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { HeatMap } from '../../charts/HeatMap';
import { Loaded } from '../../shell/Loaded';
import { Section } from '../../shell/Section';
import { useSay } from '../../words/words';
import { hoursQuery } from './reports';
import type { DashboardSearch } from './search';

/** On which days and at which hours orders come. */
export const HoursCard = ({ search, currency }: { search: DashboardSearch; currency: string }): ReactElement => {
  const say = useSay();
  const query = useQuery(hoursQuery(search));
  return (
    <Section title={say('hours.title')}>
      <Loaded query={query} height={220}>
        {({ hours }) => (
          <Box>
            <HeatMap label={say('hours.label')} cells={cellsOf(hours.filter((one) => one.sales.currency === currency), (n) => say('orders.n', { n }))} />
          </Box>
        )}
      </Loaded>
    </Section>
  );
};

interface Hour {
  weekday: number;
  hour: number;
  orders: number;
}

const cellsOf = (hours: Hour[], show: (orders: number) => string) =>
  hours.map(({ weekday, hour, orders }) => ({ weekday, hour, value: orders, shown: show(orders) }));
