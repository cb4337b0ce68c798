const GUARD = 'qafila.reloaded';
/** A second reload within this time (ms) would be one too many. */
const ONCE_IN = 60_000;

/** A part of the app that is gone after an update is fetched with the new version: the page is loaded anew, once. */
export const reloadOnceForNewVersion = (): void => {
  addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(GUARD) ?? 0);
    if (!navigator.onLine || Date.now() - last < ONCE_IN) return;
    event.preventDefault();
    sessionStorage.setItem(GUARD, String(Date.now()));
    location.reload();
  });
};
