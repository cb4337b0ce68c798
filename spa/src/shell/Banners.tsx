import Alert from '@mui/material/Alert';
import { useQuery } from '@tanstack/react-query';
import { useRouterState } from '@tanstack/react-router';
import { type ReactElement, useSyncExternalStore } from 'react';

import type { ConnectionBody } from '../api/generated/client.schemas';
import { meQuery, syncQuery } from '../api/queries';
import { flooredPercent } from '../format/numbers';
import { useLocale } from '../words/locale';
import { Sentence } from '../words/words';
import { ButtonLink } from './links';

const subscribeToConnection = (listener: () => void): (() => void) => {
  addEventListener('online', listener);
  addEventListener('offline', listener);
  return () => {
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
};

/** What concerns every page: no connection, no access to the store, an import under way. */
export const Banners = (): ReactElement => {
  const isOnline = useSyncExternalStore(subscribeToConnection, () => navigator.onLine);
  const me = useQuery(meQuery());
  const path = useRouterState({ select: (state) => state.location.pathname });
  const connection = me.data?.connection;
  return (
    <div role="region" aria-live="polite">
      {!isOnline && (
        <Alert severity="warning" square>
          <Sentence id="offline" />
        </Alert>
      )}
      {connection?.access === 'reauthorisation_needed' && path !== '/connection' && (
        <Alert
          severity="error"
          square
          action={
            <ButtonLink to="/connection" color="inherit" size="small">
              <Sentence id="banner.accessLost.action" />
            </ButtonLink>
          }
        >
          {connection.advice ?? <Sentence id="banner.accessLost" />}
        </Alert>
      )}
      <Importing path={path} />
      {connection && path === '/' && <Quiet connection={connection} />}
    </div>
  );
};

/** What a merchant should know and need not hurry for: events that do not reach us, a subscription that has ended. */
const Quiet = ({ connection }: { connection: ConnectionBody }): ReactElement => {
  const isOver = connection.app !== null && ['expired', 'canceled'].includes(connection.app.status);
  const lines = [
    connection.access === 'working' && connection.cause !== null && connection.advice,
    connection.webhooks.state === 'failing' && (connection.webhooks.advice ?? <Sentence key="webhooks" id="banner.webhooks" />),
    isOver && <Sentence key="app" id="banner.app" />,
  ].filter(Boolean);
  return (
    <>
      {lines.map((line, index) => (
        <Alert key={index} severity="warning" variant="outlined" square sx={{ border: 0 }}>
          {line}
        </Alert>
      ))}
    </>
  );
};

/** Pages whose rows still arrive say so; the page of the import says more. */
const Importing = ({ path }: { path: string }): ReactElement | null => {
  const locale = useLocale();
  const { data } = useQuery(syncQuery());
  const isElsewhere = !['/import', '/welcome', '/oauth/callback', '/claim'].includes(path);
  if (data?.status !== 'running' || !isElsewhere) return null;
  return (
    <Alert
      severity="info"
      square
      action={
        <ButtonLink to="/import" color="inherit" size="small">
          <Sentence id="banner.importing.action" />
        </ButtonLink>
      }
    >
      <Sentence id="banner.importing" values={{ percent: <bdi key="percent">{flooredPercent(locale, data.progressPercentage)}</bdi> }} />
    </Alert>
  );
};
