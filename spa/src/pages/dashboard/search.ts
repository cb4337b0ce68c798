import { addDays, calendarDay, daysBetween } from '../../format/times';

/** Days that a merchant chooses by one word. */
export const periods = ['today', 'yesterday', '7d', '30d', '90d', 'thisMonth', 'lastMonth', 'thisYear', '12m', '24m'] as const;
export type Period = (typeof periods)[number];

export const comparisons = ['previous', 'last-year', 'hijri-last-year', 'none'] as const;
export type Comparison = (typeof comparisons)[number];

export const granularities = ['day', 'week', 'month'] as const;
export type Granularity = (typeof granularities)[number];

/** What the address of the dashboard says; what it leaves out is as usual. */
export interface DashboardSearch {
  period?: Period;
  /** Days of one's own, both included. */
  from?: string;
  to?: string;
  compare?: Comparison;
  granularity?: Granularity;
  currency?: string;
  /** Opened although an import is under way. */
  open?: true;
}

/** Days, both included. */
export interface Days {
  from: string;
  to: string;
}

const usual: Period = '30d';

const oneOf = <T extends string>(known: readonly T[], value: unknown): T | undefined => known.find((one) => one === value);

const isDay = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));

/** Reads an address; what it cannot mean is left out. */
export const readDashboard = (search: Record<string, unknown>): DashboardSearch => {
  const { from, to, currency } = search;
  const hasDays = isDay(from) && isDay(to) && from <= to;
  // What is left out is named, too: the router keeps what a page says nothing of.
  return {
    period: hasDays ? undefined : oneOf(periods, search.period),
    from: hasDays ? from : undefined,
    to: hasDays ? to : undefined,
    compare: oneOf(comparisons, search.compare),
    granularity: oneOf(granularities, search.granularity),
    currency: typeof currency === 'string' && /^[A-Z]{3}$/.test(currency) ? currency : undefined,
    open: search.open === true || search.open === 'true' ? true : undefined,
  };
};

/** The period that is chosen; none where the days are one's own. */
export const chosenPeriod = ({ period, from }: DashboardSearch): Period | undefined => period ?? (from ? undefined : usual);

/** The days that an address asks for. */
export const daysOf = (search: DashboardSearch, now = new Date()): Days => {
  if (search.from && search.to) return { from: search.from, to: search.to };
  return daysOfPeriod(search.period ?? usual, calendarDay(now));
};

const daysOfPeriod = (period: Period, today: string): Days => {
  const month = `${today.slice(0, 7)}-01`;
  const back = (days: number): Days => ({ from: addDays(today, 1 - days), to: today });
  switch (period) {
    case 'today':
      return back(1);
    case 'yesterday':
      return { from: addDays(today, -1), to: addDays(today, -1) };
    case '7d':
      return back(7);
    case '30d':
      return back(30);
    case '90d':
      return back(90);
    case 'thisMonth':
      return { from: month, to: today };
    case 'lastMonth': {
      const to = addDays(month, -1);
      return { from: `${to.slice(0, 7)}-01`, to };
    }
    case 'thisYear':
      return { from: `${today.slice(0, 4)}-01-01`, to: today };
    case '12m':
      return { from: addDays(today, -364), to: today };
    case '24m':
      return { from: addDays(today, -729), to: today };
  }
};

/** The longest windows that are drawn by day and by week. */
const BY_DAY = 62;
const BY_WEEK = 370;

/** How finely days are drawn where nobody chose. */
export const granularityOf = (search: DashboardSearch, { from, to }: Days): Granularity => {
  const days = daysBetween(from, to);
  return search.granularity ?? (days <= BY_DAY ? 'day' : days <= BY_WEEK ? 'week' : 'month');
};

/** Parameters of all reports. */
export const reportParams = (search: DashboardSearch, now?: Date) => {
  const compare = search.compare ?? 'previous';
  return { ...daysOf(search, now), ...(compare === 'none' ? {} : { compare }) };
};
