import { ApiProblem, isPassing } from '../api/problem';
import type { Say } from '../words/words';

/** What went wrong, for somebody who pressed a button: the server's own sentence, which is in the page's language. */
export const problemText = (error: unknown, say: Say): string => {
  if (!(error instanceof ApiProblem) || isPassing(error) || error.detail === '') {
    return `${say('unreachable.title')}. ${say('unreachable.text')}`;
  }
  const fields = error.errors.map((one) => one.detail);
  return [error.detail, ...fields].join(' ');
};
