import Alert from '@mui/material/Alert';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { ConnectionBody } from '../../api/generated/client.schemas';
import { meQuery } from '../../api/queries';
import { Latin, Moment, Name } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { NoStore } from '../../shell/NoStore';
import { Page } from '../../shell/Page';
import { Section } from '../../shell/Section';
import { Sentence, useSay, type WordId } from '../../words/words';
import { Facts } from '../details/Detail';
import { ConnectButton } from '../onboarding/ConnectButton';
import { Disconnect } from './Disconnect';
import { ImportCard } from './ImportCard';

/** The store, how it is reached, its import, and the way to part from it. */
const ConnectionPage = (): ReactElement => {
  const say = useSay();
  const me = useQuery(meQuery());
  if (me.data?.connection === null) return <NoStore title={say('page.connection')} />;
  return (
    <Page title={say('page.connection')} width={760}>
      <Loaded query={me} height={560}>
        {({ connection }) => connection && <Connected connection={connection} />}
      </Loaded>
    </Page>
  );
};

const Connected = ({ connection }: { connection: ConnectionBody }): ReactElement => {
  const say = useSay();
  return (
    <div style={{ display: 'grid', gap: 16 }}>
      {connection.access === 'reauthorisation_needed' && (
        <Alert severity="error" variant="outlined">
          {connection.advice ?? <Sentence id="banner.accessLost" />}
        </Alert>
      )}
      {connection.access === 'working' && connection.cause !== null && (
        <Alert severity="warning" variant="outlined">
          {connection.advice ?? connection.cause}
        </Alert>
      )}
      <Section title={say('connection.store')}>
        <Facts
          rows={[
            [<Sentence key="n" id="connection.name" />, <Name key="v">{connection.store.name}</Name>],
            [<Sentence key="d" id="connection.domain" />, connection.store.domain && <Latin>{connection.store.domain}</Latin>],
            [<Sentence key="p" id="connection.plan" />, connection.store.plan && <Name>{connection.store.plan}</Name>],
            [<Sentence key="s" id="connection.since" />, <Moment key="v" at={connection.connectedAt} />],
            [<Sentence key="a" id="connection.access" />, <Sentence key="v" id={connection.access === 'working' ? 'connection.access.working' : 'connection.access.lost'} />],
          ]}
        />
        <div style={{ marginBlockStart: 16 }}>
          <ConnectButton size="medium" isQuiet={connection.access === 'working'}>
            <Sentence id="connect.reconnect" />
          </ConnectButton>
        </div>
      </Section>
      <ImportCard />
      <Section title={say('connection.events')}>
        <Webhooks of={connection.webhooks} />
        {connection.app && <App of={connection.app} />}
      </Section>
      <Section title={say('disconnect.title')}>
        <Disconnect storeName={connection.store.name} />
      </Section>
    </div>
  );
};

const states: Record<string, WordId> = { pending: 'connection.events.pending', complete: 'connection.events.complete', failing: 'connection.events.failing' };

const Webhooks = ({ of }: { of: ConnectionBody['webhooks'] }): ReactElement => {
  const say = useSay();
  const word = states[of.state];
  return (
    <Alert severity={of.state === 'failing' ? 'warning' : of.state === 'complete' ? 'success' : 'info'} variant="outlined">
      {of.advice ?? (word ? say(word) : of.state)} {say('connection.events.n', { n: of.subscribed, wanted: of.wanted })}
      {of.checkedAt !== null && (
        <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
          <Sentence id="connection.checked" values={{ moment: <Moment key="m" at={of.checkedAt} /> }} />
        </Typography>
      )}
    </Alert>
  );
};

const appStates: Record<string, WordId> = { started: 'app.started', renewed: 'app.renewed', expired: 'app.expired', canceled: 'app.canceled' };

const App = ({ of }: { of: NonNullable<ConnectionBody['app']> }): ReactElement => {
  const word = appStates[of.status];
  return (
    <Facts
      rows={[
        [<Sentence key="a" id="app.label" />, word ? <Sentence id={word} /> : of.status],
        [<Sentence key="p" id="connection.plan" />, of.plan && <Name>{of.plan}</Name>],
        [<Sentence key="e" id="app.until" />, of.endsAt && <Moment at={of.endsAt} />],
      ]}
    />
  );
};

export default ConnectionPage;
