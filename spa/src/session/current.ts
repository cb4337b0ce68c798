import { useSyncExternalStore } from 'react';

import { browserWorld } from './browserWorld';
import { Session, type SessionState } from './session';

/** Whether a token is due is looked at so often (ms). */
const EVERY = 10_000;

/** The session of this page. */
export const session = new Session(browserWorld());

export const useSession = (): SessionState => useSyncExternalStore(session.subscribe, session.snapshot);

/** Keeps the session alive while the page is visible, and renews it at once when it comes back. */
export const keepSession = (): void => {
  const renew = (): void => {
    if (document.visibilityState === 'visible') void session.renewWhenDue();
  };
  setInterval(renew, EVERY);
  document.addEventListener('visibilitychange', renew);
  addEventListener('online', renew);
};
