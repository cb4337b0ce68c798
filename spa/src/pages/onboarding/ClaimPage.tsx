import Alert from '@mui/material/Alert';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';

import { claimStore } from '../../api/generated/client';
import type { ConnectedBody } from '../../api/generated/client.schemas';
import { ApiProblem, codeOf } from '../../api/problem';
import { meQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { Latin, Name } from '../../format/shown';
import { forgetSecrets, secretOfAddress } from '../../session/addressSecrets';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Page } from '../../shell/Page';
import { problemText } from '../../shell/problemText';
import { useLogOut } from '../../shell/useLogOut';
import { Section } from '../../shell/Section';
import { Sentence, useSay } from '../../words/words';
import { ConnectButton } from './ConnectButton';
import { OtherStore } from './OtherStore';

/** Connects a store whose app was installed in Salla's own store to this account, by the link of a mail. */
const ClaimPage = (): ReactElement => {
  const say = useSay();
  const client = useQueryClient();
  const me = useQuery(meQuery());
  // Kept by the page: once it is redeemed it is forgotten everywhere else.
  const [token] = useState(() => secretOfAddress('token'));
  const logOut = useLogOut();
  const [claimed, setClaimed] = useState<ConnectedBody>();
  const goOn = async (connected: ConnectedBody): Promise<void> => {
    forgetSecrets();
    await readUntil(client, meQuery(), ({ connection }) => connection?.store.id === connected.store.id);
    await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' });
    setClaimed(connected);
  };
  const claiming = useMutation({ mutationFn: (held: string) => claimStore({ token: held }), onSuccess: goOn });
  const title = say('claim.title');
  if (claimed) {
    return (
      <Page title={title} width={640}>
        <Alert severity="success" variant="outlined" role="status">
          <Sentence id="claim.done" values={{ store: <Name key="store">{claimed.store.name}</Name> }} />
        </Alert>
        <div>
          <ButtonLink to="/welcome" variant="contained">
            <Sentence id="claim.go" />
          </ButtonLink>
        </div>
      </Page>
    );
  }
  const problem = codeOf(claiming.error);
  if (problem === 'other-store' && claiming.error instanceof ApiProblem && token !== undefined) {
    return <OtherStore names={claiming.error.params} confirm={() => claimStore({ token, replaces: true })} onConnected={goOn} />;
  }
  if (token === undefined || problem === 'claim-spent') {
    return (
      <Page title={title} width={640}>
        <Alert severity="warning" variant="outlined" role="alert">
          <Sentence id={problem === undefined ? 'claim.noToken' : 'claim.spent'} />
        </Alert>
        {problem !== undefined && (
          <ConnectButton>
            <Sentence id="callback.connect" />
          </ConnectButton>
        )}
      </Page>
    );
  }
  return (
    <Page title={title} width={640}>
      <Section>
        <Typography>
          <Sentence id="claim.text" />
        </Typography>
        {me.data && (
          <Typography sx={{ marginBlock: 1, color: 'text.secondary' }}>
            <Sentence id="claim.as" values={{ email: <Latin key="email">{me.data.user.email}</Latin> }} />
          </Typography>
        )}
        {claiming.isError && (
          <Alert severity="error" variant="outlined" role="alert" sx={{ marginBlock: 2 }}>
            {problem === 'store-taken' ? say('callback.storeTaken') : problemText(claiming.error, say)}
          </Alert>
        )}
        {problem === 'store-taken' ? (
          <BusyButton variant="contained" isBusy={false} onClick={logOut}>
            <Sentence id="callback.toLogin" />
          </BusyButton>
        ) : (
          <BusyButton variant="contained" isBusy={claiming.isPending} onClick={() => claiming.mutate(token)}>
            <Sentence id="claim.submit" />
          </BusyButton>
        )}
      </Section>
    </Page>
  );
};

export default ClaimPage;
