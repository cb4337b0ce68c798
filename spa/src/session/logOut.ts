import type { Session } from './session';

/** The server is waited for so long (ms). */
const ANSWER = 10_000;

/** Ends the session at the server, then here; the page is loaded anew, so that nothing of this user stays in memory. Rejects where the server did not end it: on a shared computer, that must be known. */
export const logOutAndGo = async (session: Session, to: string): Promise<void> => {
  const answer = await fetch('/api/v1/auth/logout', { method: 'POST', keepalive: true, signal: AbortSignal.timeout(ANSWER) });
  if (!answer.ok && answer.status !== 401) throw new Error(`the log-out was answered with ${answer.status}`);
  session.leave();
  location.assign(to);
};
