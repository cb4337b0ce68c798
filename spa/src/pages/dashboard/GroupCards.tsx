import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { GroupBody, GroupsBody } from '../../api/generated/client.schemas';
import { type Ranked, RankedBars } from '../../charts/RankedBars';
import type { Locale } from '../../format/locale';
import { Count, Name, RoundMoney } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { TextLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { channelName, paymentName } from '../../words/slugs';
import { statusName } from '../../words/statuses';
import { type Grouping, groupsQuery, orderStatusQuery } from './reports';
import type { ChosenFilter } from '../lists/search';
import { type DashboardSearch, daysOf } from './search';

/** Pixels that a ranking of six takes. */
const HEIGHT = 340;
/** Statuses that have a bar of their own. */
const SHOWN = 6;

/** How many orders of the currency have which status. */
export const StatusCard = ({ search, currency }: { search: DashboardSearch; currency: string }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const query = useQuery(orderStatusQuery(search));
  const title = say('status.title');
  return (
    <Section title={title}>
      <Loaded query={query} height={HEIGHT}>
        {(groups) => {
          const all = groups.groups.filter((group) => group.figures.sales.currency === currency).toSorted((one, other) => other.figures.orders - one.figures.orders);
          const rest = all.slice(SHOWN);
          const rows = all.slice(0, SHOWN).map(
            (group): Ranked => ({
              key: group.key ?? '',
              name: <Group search={search} filter="status" value={group.key} name={statusName(locale, { slug: group.key, name: group.name, customName: null }) ?? say('groups.unknown')} />,
              value: group.figures.orders,
              shown: <Count of={group.figures.orders} />,
            }),
          );
          const beyond = groups.others.filter((one) => one.figures.sales.currency === currency);
          return <Ranking label={title} rows={[...rows, ...othersOf(rest, beyond, (n) => say('groups.others', { n }))]} />;
        }}
      </Loaded>
    </Section>
  );
};

/** What has no bar of its own: groups that are known, and what the answer only sums up. */
const othersOf = (rest: GroupBody[], beyond: GroupsBody['others'], name: (n: number) => string): Ranked[] => {
  const orders = [...rest, ...beyond].reduce((sum, one) => sum + one.figures.orders, 0);
  const number = beyond.reduce((sum, one) => sum + one.groups, rest.length);
  return orders === 0 ? [] : [{ key: 'others', name: name(number), value: orders, shown: <Count of={orders} /> }];
};

const names: Record<Grouping, (locale: Locale, key: string) => string> = { city: (_, key) => key, payment: paymentName, channel: channelName };
const filters: Record<Grouping, ChosenFilter> = { city: 'city', payment: 'paymentMethod', channel: 'channel' };
const titles: Record<Grouping, WordId> = { city: 'city.title', payment: 'payment.title', channel: 'channel.title' };

interface GroupsCardProps {
  grouping: Grouping;
  search: DashboardSearch;
  currency: string;
}

/** Sales by city, way of paying or channel. */
export const GroupsCard = ({ grouping, search, currency }: GroupsCardProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const query = useQuery(groupsQuery(grouping, search));
  const title = say(titles[grouping]);
  return (
    <Section title={title}>
      <Loaded query={query} height={HEIGHT}>
        {(groups) => {
          const rows = groups.groups
            .filter((group) => group.figures.sales.currency === currency)
            .map(
              (group): Ranked => ({
                key: group.key ?? '',
                name: <Group search={search} filter={filters[grouping]} value={group.key} name={group.key === null ? say('groups.unknown') : names[grouping](locale, group.key)} />,
                value: Number(group.figures.sales.amount),
                shown: <RoundMoney of={group.figures.sales} />,
                aside: say('orders.n', { n: group.figures.orders }),
              }),
            )
            .toSorted((one, other) => other.value - one.value);
          const others = groups.others.filter((one) => one.figures.sales.currency === currency && one.groups > 0);
          const rest = others.map(
            (one): Ranked => ({
              key: 'others',
              name: say('groups.others', { n: one.groups }),
              value: Number(one.figures.sales.amount),
              shown: <RoundMoney of={one.figures.sales} />,
              aside: say('orders.n', { n: one.figures.orders }),
            }),
          );
          return <Ranking label={title} rows={[...rows, ...rest]} />;
        }}
      </Loaded>
    </Section>
  );
};

/** A group by its name, which leads to its orders of these days. */
const Group = ({ search, filter, value, name }: { search: DashboardSearch; filter: ChosenFilter; value: string | null; name: string }): ReactElement =>
  value === null ? (
    <Name>{name}</Name>
  ) : (
    <TextLink to="/orders" search={{ ...daysOf(search), [filter]: [value] }} color="inherit" underline="hover">
      <Name>{name}</Name>
    </TextLink>
  );

const Ranking = ({ label, rows }: { label: string; rows: Ranked[] }): ReactElement =>
  rows.length === 0 ? (
    <Typography variant="body2" sx={{ color: 'text.secondary' }}>
      <Sentence id="groups.none" />
    </Typography>
  ) : (
    <RankedBars label={label} rows={rows} />
  );
