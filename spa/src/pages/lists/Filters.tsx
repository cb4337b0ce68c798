import Close from '@mui/icons-material/Close';
import FilterList from '@mui/icons-material/FilterList';
import Autocomplete from '@mui/material/Autocomplete';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';

import type { FacetBody, FacetValueBody } from '../../api/generated/client.schemas';
import { latinDigits } from '../../format/digits';
import { count } from '../../format/numbers';
import { rangeOf } from '../../format/times';
import { useLocale } from '../../words/locale';
import { Sentence, type Say, useSay, type WordId } from '../../words/words';
import { channelName, paymentName } from '../../words/slugs';
import { DaysChoice } from './DaysChoice';
import type { ListKind } from './ListPage';
import { amountsInOrder, chosenFilters, type ChosenFilter, filterCount, type ListName, type ListSearch } from './search';
import { useStatusName } from './useStatusName';

interface FiltersProps<T> {
  kind: ListKind<T>;
  search: ListSearch;
  change: (changed: Partial<ListSearch>) => void;
}

const nothing: ListSearch = {
  ...Object.fromEntries(chosenFilters.map((name) => [name, undefined])),
  from: undefined,
  to: undefined,
  amountFrom: undefined,
  amountTo: undefined,
  customerId: undefined,
  productId: undefined,
};

/** What a list is narrowed and sorted by; what is set stands beside as chips. */
export const Filters = <T,>({ kind, search, change }: FiltersProps<T>): ReactElement => {
  const say = useSay();
  const [isOpen, setOpen] = useState(false);
  const facets = useQuery({ queryKey: ['facets', kind.name], queryFn: ({ signal }) => kind.readFacets({ signal }), staleTime: 60_000 });
  const known = facets.data?.facets ?? [];
  return (
    <>
      <Button variant="outlined" startIcon={<FilterList />} onClick={() => setOpen(true)}>
        {say('lists.filters', { n: filterCount(search) })}
      </Button>
      <TextField select size="small" fullWidth={false} label={say('lists.sort')} value={search.sort ?? kind.sorts[0]} onChange={(event) => change({ sort: event.target.value })}>
        {kind.sorts.map((sort) => (
          <MenuItem key={sort} value={sort}>
            {say(sortWord(sort))}
          </MenuItem>
        ))}
      </TextField>
      <Chips list={kind.name} search={search} change={change} facets={known} />
      <Drawer anchor="right" open={isOpen} onClose={() => setOpen(false)} slotProps={{ paper: { sx: { width: { xs: '100%', sm: 360 }, borderRadius: 0 } } }}>
        <Box sx={{ padding: 3, display: 'grid', gap: 2 }} role="dialog" aria-label={say('lists.filters', { n: 0 })}>
          <Box sx={{ display: 'flex', alignItems: 'center', justifyContent: 'space-between' }}>
            <Typography variant="h2">{say('lists.filters', { n: 0 })}</Typography>
            <IconButton edge="end" aria-label={say('close')} onClick={() => setOpen(false)}>
              <Close />
            </IconButton>
          </Box>
          {known.filter((facet) => isChosen(facet.filter)).map((facet) => (
            <FacetChoice key={facet.filter} list={kind.name} facet={facet} search={search} change={change} />
          ))}
          <DaysChoice search={search} change={change} />
          <Amounts search={search} change={change} />
          <Box sx={{ display: 'flex', gap: 1 }}>
            <Button variant="contained" onClick={() => setOpen(false)}>
              <Sentence id="period.apply" />
            </Button>
            <Button onClick={() => change(nothing)}>
              <Sentence id="lists.clear" />
            </Button>
          </Box>
        </Box>
      </Drawer>
    </>
  );
};

const sortWord = (sort: string): WordId => `sort.${sort.replace('-', '')}.${sort.startsWith('-') ? 'down' : 'up'}` as WordId;

const isChosen = (name: string): name is ChosenFilter => (chosenFilters as readonly string[]).includes(name);

/** What a value is called: in the page's words, else as the store names it, else as it is. */
const useValueName = (list: ListName) => {
  const locale = useLocale();
  const statusOf = useStatusName();
  return (filter: string, value: string, label: string | null | undefined): string => {
    if (filter === 'status') return statusOf(list, value, label ?? null);
    if (filter === 'paymentMethod') return paymentName(locale, value);
    return filter === 'channel' ? channelName(locale, value) : (label ?? value);
  };
};

const FacetChoice = ({ list, facet, search, change }: { list: ListName; facet: FacetBody; search: ListSearch; change: FiltersProps<unknown>['change'] }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const nameOf = useValueName(list);
  const filter = facet.filter as ChosenFilter;
  const chosen = search[filter] ?? [];
  const values = facet.values.filter((one) => chosen.includes(one.value));
  return (
    <Autocomplete<FacetValueBody, true>
      multiple
      size="small"
      options={facet.values}
      value={values}
      getOptionKey={(one) => one.value}
      getOptionLabel={(one) => nameOf(filter, one.value, one.label)}
      isOptionEqualToValue={(one, other) => one.value === other.value}
      onChange={(_event, picked) => change({ [filter]: picked.length > 0 ? picked.map((one) => one.value) : undefined })}
      renderOption={({ key, ...props }, one) => (
        <Box component="li" key={key} {...props} sx={{ display: 'flex', gap: 2 }}>
          <Box component="bdi" sx={{ flexGrow: 1 }}>
            {nameOf(filter, one.value, one.label)}
          </Box>
          <Box component="bdi" sx={{ color: 'text.secondary' }}>
            {count(locale, one.count)}
          </Box>
        </Box>
      )}
      renderInput={(params) => <TextField {...params} label={say(`lists.filter.${filter}`)} />}
    />
  );
};

/** Amounts take effect when their field is left. */
const Amounts = ({ search, change }: { search: ListSearch; change: FiltersProps<unknown>['change'] }): ReactElement => {
  const say = useSay();
  const field = (name: 'amountFrom' | 'amountTo'): ReactElement => (
    <TextField
      key={`${name} ${search[name] ?? ''}`}
      size="small"
      label={say(`lists.filter.${name}`)}
      defaultValue={search[name] ?? ''}
      onBlur={(event) => {
        const typed = latinDigits(event.target.value).replace('٫', '.').replace(/[٬,\s]/g, '');
        const isAmount = /^\d{1,12}(\.\d{1,4})?$/.test(typed);
        if ((isAmount ? typed : undefined) !== search[name]) change(amountsInOrder({ amountFrom: search.amountFrom, amountTo: search.amountTo, [name]: isAmount ? typed : undefined }));
      }}
      slotProps={{ htmlInput: { inputMode: 'decimal', dir: 'ltr' } }}
    />
  );
  return (
    <Box sx={{ display: 'grid', gap: 1, gridTemplateColumns: '1fr 1fr' }}>
      {field('amountFrom')}
      {field('amountTo')}
    </Box>
  );
};

/** Each filter that is set, with a cross that ends it. */
const Chips = ({ list, search, change, facets }: { list: ListName; search: ListSearch; change: FiltersProps<unknown>['change']; facets: FacetBody[] }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const nameOf = useValueName(list);
  const values = chosenFilters.flatMap((filter) =>
    (search[filter] ?? []).map((value) => ({
      key: `${filter} ${value}`,
      label: nameOf(filter, value, facets.find((facet) => facet.filter === filter)?.values.find((one) => one.value === value)?.label),
      end: () => {
        const rest = (search[filter] ?? []).filter((one) => one !== value);
        change({ [filter]: rest.length > 0 ? rest : undefined });
      },
    })),
  );
  const all = [...values, ...otherChips(search, change, say, locale)];
  if (all.length === 0) return <></>;
  return (
    <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', flexBasis: '100%' }}>
      {all.map((chip) => (
        <Chip key={chip.key} label={<bdi>{chip.label}</bdi>} onDelete={chip.end} />
      ))}
    </Box>
  );
};

const otherChips = (search: ListSearch, change: FiltersProps<unknown>['change'], say: Say, locale: 'ar' | 'en') => {
  const { from, to, amountFrom, amountTo, customerId, productId } = search;
  const days = from !== undefined && to !== undefined ? rangeOf(locale, from, to) : (from ?? to);
  return [
    { key: 'days', isSet: days !== undefined, label: days ?? '', end: () => change({ from: undefined, to: undefined }) },
    { key: 'from', isSet: amountFrom !== undefined, label: `${say('lists.filter.amountFrom')} ${amountFrom}`, end: () => change({ amountFrom: undefined }) },
    { key: 'to', isSet: amountTo !== undefined, label: `${say('lists.filter.amountTo')} ${amountTo}`, end: () => change({ amountTo: undefined }) },
    { key: 'customer', isSet: customerId !== undefined, label: say('lists.filter.customer'), end: () => change({ customerId: undefined }) },
    { key: 'product', isSet: productId !== undefined, label: say('lists.filter.product'), end: () => change({ productId: undefined }) },
  ].filter((chip) => chip.isSet);
};
