const GUARD = 'qafila.reloaded';
/** A second reload within this time (ms) would be one too many. */
const ONCE_IN = 60_000;
/** For so long (ms) after another page was gone to, parts that do not come are parts that the browser has stopped. */
const LEAVING = 5_000;

let leftAt = Number.NEGATIVE_INFINITY;

/** Whether another page is being gone to: a reload would keep this one. */
export const isLeaving = (): boolean => performance.now() - leftAt < LEAVING;

let ahead = 0;

/** Fetches what nobody has asked for yet: where it does not come, the page stays as it is, and it is fetched again when it is needed. */
export const withoutReload = async (fetchAhead: () => Promise<unknown>): Promise<void> => {
  ahead += 1;
  await fetchAhead().catch(() => undefined);
  ahead -= 1;
};

/** A part of the app that is gone after an update is fetched with the new version: the page is loaded anew, once. */
export const reloadOnceForNewVersion = (): void => {
  addEventListener('beforeunload', () => {
    leftAt = performance.now();
  });
  addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(GUARD) ?? 0);
    if (ahead > 0 || !navigator.onLine || isLeaving() || Date.now() - last < ONCE_IN) return;
    event.preventDefault();
    sessionStorage.setItem(GUARD, String(Date.now()));
    location.reload();
  });
};
