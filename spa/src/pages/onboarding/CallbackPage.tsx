import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import CircularProgress from '@mui/material/CircularProgress';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useEffect, useState } from 'react';

import { confirmOtherStore, finishAuthorization } from '../../api/generated/client';
import type { ConnectedBody } from '../../api/generated/client.schemas';
import { ApiProblem, type Code, codeOf, isPassing } from '../../api/problem';
import { meQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { forgetSecrets, secretOfAddress } from '../../session/addressSecrets';
import { BusyButton } from '../../shell/BusyButton';
import { Page } from '../../shell/Page';
import { problemText } from '../../shell/problemText';
import { Section } from '../../shell/Section';
import { toast } from '../../shell/toasts';
import { useIsHere } from '../../shell/useIsHere';
import { useLogOut } from '../../shell/useLogOut';
import { Sentence, useSay, type WordId } from '../../words/words';
import { ConnectButton } from './ConnectButton';
import { OtherStore } from './OtherStore';

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
  const logOut = useLogOut();
  const isHere = useIsHere();
  // Kept by the page: once they are redeemed they are forgotten everywhere else.
  const [[state, code, denied]] = useState(() => ['state', 'code', 'error'].map(secretOfAddress));
  const goOn = async ({ store }: ConnectedBody): Promise<void> => {
    forgetSecrets();
    const isSeen = (): Promise<boolean> => readUntil(client, meQuery(), ({ connection }) => connection?.store.id === store.id && connection.access === 'working');
    // Any other page would ask for a connection once more.
    while (isHere() && !(await isSeen())) toast(say('onTheWay'), 'info');
    await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' });
    if (isHere()) await navigate({ to: '/', replace: true });
  };
  const finishing = useMutation({
    mutationFn: () => finishAuthorization({ state: state ?? '', ...(denied ? { error: denied } : { code: code ?? '' }) }),
    onError: (error) => {
      if (codeOf(error) === 'unauthorized') posted = undefined;
      else if (!canRepeat(error) && codeOf(error) !== 'other-store') forgetSecrets();
    },
    onSuccess: goOn,
  });
  const hasAnswer = state !== undefined && (code !== undefined || denied !== undefined);
  const { mutate } = finishing;
  useEffect(() => {
    if (!hasAnswer || posted === state) return;
    posted = state;
    mutate();
  }, [hasAnswer, state, mutate]);
  if (finishing.isPending || finishing.isSuccess || (hasAnswer && !finishing.isError && posted !== state)) {
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
  if (problem === 'other-store' && finishing.error instanceof ApiProblem && state !== undefined) {
    return <OtherStore names={finishing.error.params} confirm={() => confirmOtherStore({ state })} onConnected={goOn} />;
  }
  const word = problem === undefined ? 'callback.nothing' : words[problem];
  return (
    <Page title={say('callback.title')} width={640}>
      <Alert severity="warning" variant="outlined" role="alert">
        {word ? say(word) : problemText(finishing.error, say)}
      </Alert>
      <div>
        {problem === 'store-taken' ? (
          <BusyButton variant="contained" isBusy={false} onClick={logOut}>
            <Sentence id="callback.toLogin" />
          </BusyButton>
        ) : canRepeat(finishing.error) ? (
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

/** Whether the same code may be sent again: it was not used. */
const canRepeat = (error: unknown): boolean => isPassing(error) || codeOf(error) === 'salla-unreachable';

/** The attempt that was posted: effects may run twice, and the code is single-use. */
let posted: string | undefined;

export default CallbackPage;
