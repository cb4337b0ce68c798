import { useRouter } from '@tanstack/react-router';
import { type ReactElement, useEffect } from 'react';
import Typography from '@mui/material/Typography';
import Button from '@mui/material/Button';

import { session } from '../session/current';
import { Sentence, useSay } from '../words/words';
import { Outside } from './Outside';

/** It is tried again so often (ms). */
const EVERY = 5_000;

/** Whether somebody is logged in could not be found out: that is no log-out. */
export const Unreachable = (): ReactElement => {
  const say = useSay();
  const router = useRouter();
  useEffect(() => {
    const timer = setInterval(() => void session.start(), EVERY);
    return () => {
      clearInterval(timer);
      // What a page decides before it opens was not decided.
      void router.invalidate();
    };
  }, [router]);
  return (
    <Outside title={say('unreachable.title')}>
      <Typography role="status">
        <Sentence id="unreachable.text" />
      </Typography>
      <Button variant="contained" onClick={() => void session.start()}>
        <Sentence id="tryAgain" />
      </Button>
    </Outside>
  );
};
