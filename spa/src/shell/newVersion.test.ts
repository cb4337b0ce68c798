import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const reload = vi.fn();

beforeEach(async () => {
  sessionStorage.clear();
  vi.stubGlobal('location', { reload });
  vi.resetModules();
  (await import('./newVersion')).reloadOnceForNewVersion();
});
afterEach(() => {
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

test('scripts that are fetched ahead load no page anew where they do not come, and later ones do', async () => {
  const { withoutReload } = await import('./newVersion');
  await withoutReload(() => {
    dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
    return Promise.reject(new TypeError('failed to fetch'));
  });
  expect(reload).not.toHaveBeenCalled();
  dispatchEvent(new Event('vite:preloadError', { cancelable: true }));
  expect(reload).toHaveBeenCalledTimes(1);
});
