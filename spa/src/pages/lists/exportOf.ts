import type { FilesSearch } from '../files/search';
import { filterCount, type ListName, type ListSearch } from './search';

/** The file of a list. Files are narrowed by days, one status and one customer alone: where the list is narrowed further, `isWider` says so. */
export const exportOf = (list: ListName, search: ListSearch): FilesSearch => {
  const { from, to, status, customerId } = search;
  const isOfDays = list === 'orders' || list === 'carts';
  const hasDays = from !== undefined && to !== undefined && isOfDays;
  const hasStatus = status?.length === 1 && list !== 'customers';
  const hasCustomer = customerId !== undefined && list === 'orders';
  const carried = [hasDays, hasStatus, hasCustomer].filter(Boolean).length;
  return {
    report: list,
    ...(hasDays ? { from, to } : isOfDays ? { isOfAllDays: true } : {}),
    ...(hasStatus ? { status: status[0] } : {}),
    ...(hasCustomer ? { customerId } : {}),
    ...(search.find !== undefined || filterCount(search) > carried ? { isWider: true } : {}),
  };
};
