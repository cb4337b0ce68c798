import type { FetchQueryOptions, QueryClient, QueryKey } from '@tanstack/react-query';

/** So long (ms) it is asked again for what a command did. */
const PATIENCE = 30_000;
/** Between two questions (ms); the server waits up to 5 s with its answer, too. */
const PAUSE = 500;

/** Asks until an answer shows what a command did: read models follow a moment later. Where they do not within half a minute, the last answer stands, and the pages go on asking. */
export const readUntil = async <T, K extends QueryKey>(client: QueryClient, query: FetchQueryOptions<T, Error, T, K>, isShown: (data: T) => boolean, now = Date.now): Promise<void> => {
  const deadline = now() + PATIENCE;
  for (;;) {
    try {
      if (isShown(await client.fetchQuery({ ...query, staleTime: 0, retry: false }))) return;
    } catch (error) {
      if (now() > deadline) throw error;
    }
    if (now() > deadline) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
