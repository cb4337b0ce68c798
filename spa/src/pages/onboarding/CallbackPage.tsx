import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import CircularProgress from '@mui/material/CircularProgress';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useEffect } from 'react';

import { finishAuthorization } from '../../api/generated/client';
import { type Code, codeOf, isPassing } from '../../api/problem';
import { meQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { secretOfAddress } from '../../session/addressSecrets';
import { session } from '../../session/current';
import { BusyButton } from '../../shell/BusyButton';
import { Page } from '../../shell/Page';
import { problemText } from '../../shell/problemText';
import { Section } from '../../shell/Section';
import { Sentence, useSay, type WordId } from '../../words/words';
import { ConnectButton } from './ConnectButton';
import { logOutAndGo } from '../../session/logOut';

/** Problems whose words the page knows better than the API: it has the button. */
const words: Partial<Record<Code, WordId>> = {
  'access-denied': 'callback.denied',
  'state-refused': 'callback.stateRefused',
  'state-unknown': 'callback.stateUnknown',
  'store-taken': 'callback.storeTaken',
  'salla-failed': 'callback.sallaFailed',
  'salla-unreachable': 'callback.unreachable',
};

/** Finishes a connection with what Salla sent back: the code is posted once. */
const CallbackPage = (): ReactElement => {
  const say = useSay();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [state, code, denied] = ['state', 'code', 'error'].map(secretOfAddress);
  const finishing = useMutation({
    mutationFn: () => finishAuthorization({ state: state ?? '', ...(denied ? { error: denied } : { code: code ?? '' }) }),
    onSuccess: async ({ store }) => {
      await readUntil(client, meQuery(), ({ connection }) => connection?.store.id === store.id && connection.access === 'working');
      await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' });
      await navigate({ to: '/', replace: true });
    },
  });
  const hasAnswer = state !== undefined && (code !== undefined || denied !== undefined);
  const { mutate } = finishing;
  useEffect(() => {
    if (!hasAnswer || hasPosted) return;
    hasPosted = true;
    mutate();
  }, [hasAnswer, mutate]);
  if (hasAnswer && !finishing.isError) {
    return (
      <Page title={say('callback.title')} width={640}>
        <Section>
          <Box sx={{ display: 'flex', gap: 2, alignItems: 'center' }} role="status">
            <CircularProgress size={28} aria-label={say('loading')} />
            <Typography>
              <Sentence id="callback.finishing" />
            </Typography>
          </Box>
        </Section>
      </Page>
    );
  }
  const problem = codeOf(finishing.error);
  const word = problem === undefined ? 'callback.nothing' : words[problem];
  return (
    <Page title={say('callback.title')} width={640}>
      <Alert severity="warning" variant="outlined" role="alert">
        {word ? say(word) : problemText(finishing.error, say)}
      </Alert>
      <div>
        {problem === 'store-taken' ? (
          <BusyButton variant="contained" isBusy={false} onClick={() => void logOutAndGo(session, '/login')}>
            <Sentence id="callback.toLogin" />
          </BusyButton>
        ) : isPassing(finishing.error) || problem === 'salla-unreachable' ? (
          <BusyButton variant="contained" isBusy={finishing.isPending} onClick={() => mutate()}>
            <Sentence id="callback.again" />
          </BusyButton>
        ) : (
          <ConnectButton>
            <Sentence id="callback.connect" />
          </ConnectButton>
        )}
      </div>
    </Page>
  );
};

/** React may run effects twice; the code is single-use. */
let hasPosted = false;

export default CallbackPage;
