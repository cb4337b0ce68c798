import { session } from '../session/current';
import { logOutAndGo } from '../session/logOut';
import { useSay } from '../words/words';
import { toast } from './toasts';

/** Logs out and leads to the log-in; says so where that fails. */
export const useLogOut = (): (() => void) => {
  const say = useSay();
  return () => void logOutAndGo(session, '/login').catch(() => toast(say('logOut.failed'), 'error'));
};
