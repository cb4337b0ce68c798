import { QueryClient, queryOptions } from '@tanstack/react-query';

import { getMe, getSyncStatus, listNotifications } from './generated/client';
import type { SyncStatusBody } from './generated/client.schemas';
import { codeOf, delayBefore, isPassing } from './problem';

/** A failed query is repeated so often, where waiting can help. */
const REPEATS = 3;
/** Answers count as fresh so long (ms). */
const FRESH = 30_000;
/** How often (ms) a page asks where an import stands. */
export const POLL = { running: 3_000, waiting: 30_000 };
const MAX_BACK_OFF = 30_000;

export const makeQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH,
        retry: (failures, error) => failures < REPEATS && isPassing(error),
        retryDelay: delayBefore,
      },
      mutations: { networkMode: 'always' },
    },
  });

/** Who is logged in, and the store. */
export const meQuery = () => queryOptions({ queryKey: ['me'], queryFn: ({ signal }) => getMe({ signal }), staleTime: FRESH });

/** Whether an import is under way. */
export const isUnderWay = (status: string): boolean => ['requested', 'running', 'paused'].includes(status);

/** How long (ms) to the next question about an import; none where it has ended. While it fails, as long again as it has failed, up to a bound. */
export const pollInterval = (status: string | undefined, failingFor: number): number | false => {
  if (status !== undefined && !isUnderWay(status)) return false;
  const step = status === 'paused' ? POLL.waiting : POLL.running;
  return Math.min(Math.max(MAX_BACK_OFF, step), Math.max(step, failingFor));
};

/** For how long (ms) a query has had no answer: 0 where the last question was answered; where none ever was, by the number of questions. */
export const failingFor = ({ status, errorUpdatedAt, dataUpdatedAt, errorUpdateCount }: Failing): number => {
  if (dataUpdatedAt === 0) return errorUpdateCount === 0 ? 0 : POLL.running * 2 ** Math.min(errorUpdateCount, 10);
  return status === 'error' ? Math.max(0, errorUpdatedAt - dataUpdatedAt) : 0;
};

interface Failing {
  status: string;
  errorUpdatedAt: number;
  dataUpdatedAt: number;
  errorUpdateCount: number;
}

/** After a command, an import that has ended may begin: it is asked for so long (ms) until it does. */
const EXPECTED_FOR = 600_000;
let expectedUntil = 0;

/** A command was accepted whose effect is not seen yet. */
export const expectNews = (): void => {
  expectedUntil = Date.now() + EXPECTED_FOR;
};

/** The import that was expected has begun. */
export const newsCame = (): void => {
  expectedUntil = 0;
};

const isNewsExpected = (): boolean => Date.now() < expectedUntil;

/** Where the import stands, as it was heard last: {@link polledSyncQuery} asks. */
export const syncQuery = () =>
  queryOptions({
    queryKey: ['sync'],
    queryFn: ({ signal }) => getSyncStatus({ signal }),
    staleTime: POLL.running,
    retry: false,
    refetchOnWindowFocus: 'always',
  });

/** The same, polled while an import is under way and the page is visible. For one component alone: each that polls has a clock of its own. */
export const polledSyncQuery = () =>
  queryOptions({
    ...syncQuery(),
    refetchInterval: (query) => pollInterval(query.state.data?.status, failingFor(query.state)) || (isNewsExpected() && POLL.running),
  });

/** Whether all orders are known with total, status and date: the dashboard is of use. */
export const isUseful = ({ status, phases }: Pick<SyncStatusBody, 'status' | 'phases'>): boolean => {
  const orders = phases.find((phase) => phase.name === 'list' && phase.resource === 'orders');
  return status === 'completed' || (orders !== undefined && orders.total !== null && orders.done >= orders.total);
};

export const notificationsQuery = () =>
  queryOptions({
    queryKey: ['notifications'],
    queryFn: ({ signal }) => listNotifications({ limit: 10 }, { signal }),
    refetchInterval: 60_000,
  });

/** Whether a query failed because no store is connected. */
export const isWithoutStore = (error: unknown): boolean => codeOf(error) === 'not-connected';
