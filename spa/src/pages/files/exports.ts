import { queryOptions } from '@tanstack/react-query';

import { listExports } from '../../api/generated/client';

/** The newest files: to see whether one that was asked for is listed, or one that was deleted is not. */
export const newestExports = queryOptions({ queryKey: ['newestExports'], queryFn: ({ signal }) => listExports({ limit: 100 }, { signal }) });
