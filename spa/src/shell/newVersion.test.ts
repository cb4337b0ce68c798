import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const reload = vi.fn();
let listeners: [string, EventListenerOrEventListenerObject][] = [];

beforeEach(async () => {
  sessionStorage.clear();
  vi.stubGlobal('location', { reload });
  vi.resetModules();
  const added = vi.spyOn(globalThis, 'addEventListener');
  (await import('./newVersion')).reloadOnceForNewVersion();
  listeners = added.mock.calls.map(([type, listener]) => [type, listener]);
  added.mockRestore();
});
afterEach(() => {
  // Each test has a module of its own, and hears of no other's.
  for (const [type, listener] of listeners) removeEventListener(type, listener);
  vi.unstubAllGlobals();
  reload.mockReset();
});

test('a part that is gone after an update loads the page anew, once', () => {
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).toHaveBeenCalledTimes(1);
});

test('a part that the browser stopped, because another page was gone to, does not keep this one', () => {
  dispatchEvent(new Event('beforeunload'));
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).not.toHaveBeenCalled();
});

test('prefetching that fails does not reload the page, and a part that is needed later does', async () => {
  const { withoutReload } = await import('./newVersion');
  await withoutReload(() => {
    dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
    return Promise.reject(new TypeError('failed to fetch'));
  });
  expect(reload).not.toHaveBeenCalled();
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).toHaveBeenCalledTimes(1);
});

test('prefetching that never ends does not keep the page from being reloaded for ever', async () => {
  vi.useFakeTimers();
  const { withoutReload } = await import('./newVersion');
  const prefetching = withoutReload(() => new Promise(() => undefined));
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(60_000);
  await prefetching;
  vi.useRealTimers();
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).toHaveBeenCalledTimes(1);
});
