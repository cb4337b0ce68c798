import { lastPosition } from '../api/position';
import type { Session } from './session';

/** Ends the session here and at the server; the page is loaded anew, so that nothing of this user stays in memory. */
export const logOutAndGo = async (session: Session, to: string): Promise<void> => {
  try {
    await fetch('/api/v1/auth/logout', { method: 'POST', keepalive: true });
  } finally {
    session.leave();
    lastPosition.forget();
    location.assign(to);
  }
};
