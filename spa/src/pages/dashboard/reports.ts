import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { getCustomerReport, getOrderStatus, getSalesByChannel, getSalesByCity, getSalesByHour, getSalesByPayment, getSalesTrend, getSummary, getTopProducts } from '../../api/generated/client';
import { type DashboardSearch, daysOf, granularityOf, reportParams } from './search';

/** Figures count as fresh so long (ms). */
export const FRESH = 60_000;
/** Rows of a ranking that a card shows. */
const ROWS = 6;
/** Groups of all currencies count against the limit: all are asked for, so that those of the currency that is shown are there. */
const ALL = 100;

const report = <T>(name: string, search: DashboardSearch, read: (options: RequestInit) => Promise<T>, extra: object = {}) =>
  queryOptions({
    queryKey: ['report', name, reportParams(search), extra] as const,
    queryFn: ({ signal }) => read({ signal }),
    staleTime: FRESH,
    placeholderData: keepPreviousData,
  });

export const summaryQuery = (search: DashboardSearch) =>
  report('summary', search, (options) => getSummary(reportParams(search), options));

export const trendQuery = (search: DashboardSearch) => {
  const granularity = granularityOf(search, daysOf(search));
  return report('trend', search, (options) => getSalesTrend({ ...reportParams(search), granularity }, options), { granularity });
};

export const topProductsQuery = (search: DashboardSearch) =>
  report('top-products', search, (options) => getTopProducts({ ...reportParams(search), limit: ROWS }, options));

export const customersQuery = (search: DashboardSearch) =>
  report('customers', search, (options) => getCustomerReport({ ...reportParams(search), limit: ROWS }, options));

export const orderStatusQuery = (search: DashboardSearch) =>
  report('order-status', search, (options) => getOrderStatus({ ...reportParams(search), limit: ALL }, options));

/** What sales are grouped by. */
export type Grouping = 'city' | 'payment' | 'channel';

const readers = { city: getSalesByCity, payment: getSalesByPayment, channel: getSalesByChannel };

export const groupsQuery = (grouping: Grouping, search: DashboardSearch) =>
  report(grouping, search, (options) => readers[grouping]({ ...reportParams(search), limit: ROWS }, options));

export const hoursQuery = (search: DashboardSearch) =>
  report('hours', search, (options) => getSalesByHour(reportParams(search), options));
