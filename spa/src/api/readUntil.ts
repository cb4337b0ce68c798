import type { FetchQueryOptions, QueryClient, QueryKey } from '@tanstack/react-query';

/** So long (ms) it is asked again for what a command did. */
const PATIENCE = 30_000;
/** Between two questions (ms); the server waits up to 5 s with its answer, too. */
const PAUSE = 500;

/** Asks until an answer shows what a command did: read models follow a moment later. False where they did not in time; the command was accepted all the same. */
export const readUntil = async <T, K extends QueryKey>(client: QueryClient, query: FetchQueryOptions<T, Error, T, K>, isShown: (data: T) => boolean, now = Date.now): Promise<boolean> => {
  const deadline = now() + PATIENCE;
  for (;;) {
    const isSeen = await client.fetchQuery({ ...query, staleTime: 0, retry: false }).then(isShown, () => false);
    if (isSeen) return true;
    if (now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
