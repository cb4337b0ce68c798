const GUARD = 'qafila.reloaded';
/** A second reload within this time (ms) would be one too many. */
const ONCE_IN = 60_000;
/** For so long (ms) after another page was gone to, parts that do not come are parts that the browser has stopped. */
const LEAVING = 5_000;

let leftAt = Number.NEGATIVE_INFINITY;

/** Whether another page is being gone to: a reload would keep this one. */
export const isLeaving = (): boolean => performance.now() - leftAt < LEAVING;

/** Prefetching that has no answer is waited for so long (ms): afterwards a part that is gone reloads the page again. */
const MAX_PREFETCH = 30_000;

let prefetches = 0;

/** Prefetches parts of the app. Where that fails the page is not reloaded: the part is fetched again when it is needed. */
export const withoutReload = async (prefetch: () => Promise<unknown>): Promise<void> => {
  prefetches += 1;
  await Promise.race([prefetch().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, MAX_PREFETCH))]);
  prefetches -= 1;
};

/** A part of the app that is gone after an update is fetched with the new version: the page is loaded anew, once. */
export const reloadOnceForNewVersion = (): void => {
  addEventListener('beforeunload', () => {
    leftAt = performance.now();
  });
  addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(GUARD) ?? 0);
    if (prefetches > 0 || !navigator.onLine || isLeaving() || Date.now() - last < ONCE_IN) return;
    event.preventDefault();
    sessionStorage.setItem(GUARD, String(Date.now()));
    location.reload();
  });
};
