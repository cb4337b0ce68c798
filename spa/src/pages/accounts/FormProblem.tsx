import Alert from '@mui/material/Alert';
import type { ReactElement } from 'react';

import { ApiProblem, codeOf, isPassing } from '../../api/problem';
import { Sentence, useSay } from '../../words/words';

/** What went wrong with a whole form. */
export const FormProblem = ({ error }: { error: unknown }): ReactElement | null => {
  const say = useSay();
  if (!(error instanceof ApiProblem)) return null;
  return (
    <Alert severity="error" variant="outlined" role="alert">
      {isPassing(error) ? <Sentence id="unavailable" /> : wordsOf(error, say)}
    </Alert>
  );
};

const wordsOf = (error: ApiProblem, say: ReturnType<typeof useSay>): string => {
  const code = codeOf(error);
  if (code === 'wrong-credentials') return say('login.wrong');
  if (code === 'too-many-attempts') return say('tooMany', { n: Number(error.params.minutes ?? 15) });
  return error.detail;
};
