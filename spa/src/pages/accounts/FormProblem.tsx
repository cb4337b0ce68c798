import Alert from '@mui/material/Alert';
import type { ReactElement } from 'react';

import { ApiProblem, isPassing } from '../../api/problem';
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
  if (error.code === 'wrong-credentials') return say('login.wrong');
  if (error.code === 'too-many-attempts') return say('tooMany', { n: Number(error.params.minutes ?? 15) });
  return error.detail;
};
