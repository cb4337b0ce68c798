import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { CustomersReportBody } from '../../api/generated/client.schemas';
import { RankedBars } from '../../charts/RankedBars';
import { Count, RoundMoney } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { TextLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { Sentence, useSay } from '../../words/words';
import { PersonName } from '../lists/orderParts';
import { inCurrency } from './currencies';
import { customersQuery } from './reports';
import type { DashboardSearch } from './search';

/** New and returning customers, and those who bought most. */
export const CustomersCard = ({ search, currency }: { search: DashboardSearch; currency: string }): ReactElement => {
  const say = useSay();
  const query = useQuery(customersQuery(search));
  return (
    <Section title={say('customers.title')}>
      <Loaded query={query} height={360}>
        {(report) => (
          <>
            <Split report={report} currency={currency} />
            <Typography variant="h3" sx={{ marginBlockStart: 2 }}>
              <Sentence id="customers.best" />
            </Typography>
            <RankedBars
              label={say('customers.best')}
              rows={report.customers
                .filter((customer) => customer.sales.currency === currency)
                .slice(0, 4)
                .map((customer) => ({
                  key: String(customer.customerId),
                  name: (
                    <TextLink to="/customers/$id" params={{ id: String(customer.customerId) }} color="inherit" underline="hover">
                      <PersonName of={{ id: customer.customerId, name: customer.name }} isRead />
                    </TextLink>
                  ),
                  value: Number(customer.sales.amount),
                  shown: <RoundMoney of={customer.sales} />,
                  aside: say('orders.n', { n: customer.orders }),
                }))}
            />
          </>
        )}
      </Loaded>
    </Section>
  );
};

/** What new and returning customers bought, as one bar of two parts. */
const Split = ({ report, currency }: { report: CustomersReportBody; currency: string }): ReactElement => {
  const counts = inCurrency(report.counts, currency);
  const [fresh, back] = [Number(counts?.newSales.amount ?? 0), Number(counts?.returningSales.amount ?? 0)];
  const all = Math.max(1, fresh + back);
  return (
    <div>
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        <Sentence
          id="customers.counts"
          values={{ new: <Count key="new" of={counts?.newCustomers ?? 0} />, all: <Count key="all" of={counts?.customers ?? 0} /> }}
        />
      </Typography>
      <Box aria-hidden sx={{ display: 'flex', gap: '2px', height: 8, marginBlock: 1 }}>
        <Box sx={{ backgroundColor: 'primary.main', borderRadius: 1 }} style={{ width: `${(100 * fresh) / all}%` }} />
        <Box sx={{ backgroundColor: 'secondary.main', borderRadius: 1, flexGrow: 1 }} />
      </Box>
      {counts && (
        <Box component="dl" sx={{ display: 'grid', gridTemplateColumns: 'auto 1fr', gap: 0.5, margin: 0, fontSize: '.875rem', '& dd': { margin: 0, textAlign: 'end' } }}>
          <Part color="primary.main" word="customers.new" />
          <dd>
            <RoundMoney of={counts.newSales} />
          </dd>
          <Part color="secondary.main" word="customers.returning" />
          <dd>
            <RoundMoney of={counts.returningSales} />
          </dd>
        </Box>
      )}
    </div>
  );
};

const Part = ({ color, word }: { color: string; word: 'customers.new' | 'customers.returning' }): ReactElement => (
  <Box component="dt" sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
    <Box aria-hidden sx={{ width: 10, height: 10, borderRadius: 0.5, backgroundColor: color }} />
    <Sentence id={word} />
  </Box>
);
