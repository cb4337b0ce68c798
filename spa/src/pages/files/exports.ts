import { queryOptions } from '@tanstack/react-query';

import { listExports } from '../../api/generated/client';
import type { ExportReport } from '../../api/generated/client.schemas';
import type { ListName } from '../lists/search';

/** The newest files: to see whether one that was asked for is listed, or one that was deleted is not. */
export const newestExports = queryOptions({ queryKey: ['newestExports'], queryFn: ({ signal }) => listExports({ limit: 100 }, { signal }) });

/** Reports that can be of one status, and the list whose statuses these are. */
export const ofStatus: Partial<Record<ExportReport, ListName>> = { orders: 'orders', 'order-items': 'orders', products: 'products', carts: 'carts' };
