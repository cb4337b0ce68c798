import type { RefreshAnswer, Told, World } from './session';
import type { SessionBody } from './sessionBody';

const NAME = 'qafila-session';
/** A tab waits so long (ms) for its turn. */
const TURN = 10_000;

/** An answer that takes longer (ms) is lost; the server forgives a second request within 30 s. */
const ANSWER = 10_000;

/** One request, with the cookie that only the browser sees. A page that closes meanwhile does not lose the new cookie. */
const refresh = async (): Promise<RefreshAnswer> => {
  try {
    const answer = await fetch('/api/v1/auth/refresh', { method: 'POST', keepalive: true, signal: AbortSignal.timeout(ANSWER) });
    if (answer.status === 200) return { kind: 'in', body: (await answer.json()) as SessionBody };
    return answer.status === 401 ? { kind: 'out' } : { kind: 'unreachable' };
  } catch {
    return { kind: 'unreachable' };
  }
};

/** The browser as a session's world. */
export const browserWorld = (): World => {
  const channel = new BroadcastChannel(NAME);
  return {
    refresh,
    alone: async (act) => {
      if (!('locks' in navigator)) return act();
      return navigator.locks.request(NAME, { signal: AbortSignal.timeout(TURN) }, act);
    },
    tell: (told) => channel.postMessage(told),
    onTold: (listener) => channel.addEventListener('message', (event: MessageEvent<Told>) => listener(event.data)),
    now: () => Date.now(),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    startOver: () => location.assign('/'),
  };
};
