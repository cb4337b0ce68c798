import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { RankedBars } from '../../charts/RankedBars';
import { Name, RoundMoney } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { TextLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { Sentence, useSay } from '../../words/words';
import { topProductsQuery } from './reports';
import type { DashboardSearch } from './search';

/** What sold best. */
export const ProductsCard = ({ search, currency }: { search: DashboardSearch; currency: string }): ReactElement => {
  const say = useSay();
  const query = useQuery(topProductsQuery(search));
  const title = say('top.title');
  return (
    <Section title={title}>
      <Loaded query={query} height={360}>
        {({ products, ordersWithoutLines }) => {
          const rows = products.filter((product) => product.sales.currency === currency);
          return (
            <>
              {ordersWithoutLines > 0 && (
                <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                  <Sentence id="top.withoutLines" values={{ n: ordersWithoutLines }} />
                </Typography>
              )}
              {rows.length === 0 && ordersWithoutLines === 0 && (
                <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                  <Sentence id="groups.none" />
                </Typography>
              )}
              <RankedBars
                label={title}
                rows={rows.map((product) => ({
                  key: `${product.productId ?? product.name}`,
                  name:
                    product.productId === null ? (
                      <Name>{product.name}</Name>
                    ) : (
                      <TextLink to="/products/$id" params={{ id: String(product.productId) }} color="inherit" underline="hover">
                        <Name>{product.name}</Name>
                      </TextLink>
                    ),
                  value: Number(product.sales.amount),
                  shown: <RoundMoney of={product.sales} />,
                  aside: say('top.pieces', { n: Number(product.quantity) }),
                }))}
              />
            </>
          );
        }}
      </Loaded>
    </Section>
  );
};
