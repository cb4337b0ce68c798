import Alert from '@mui/material/Alert';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useEffect, useState } from 'react';

import type { SyncStatusBody } from '../../api/generated/client.schemas';
import { failingFor, isUseful, POLL, syncQuery } from '../../api/queries';
import { Ago, Moment } from '../../format/shown';
import { flooredPercent } from '../../format/numbers';
import { ButtonLink } from '../../shell/links';
import { Loaded } from '../../shell/Loaded';
import { Page } from '../../shell/Page';
import { Section } from '../../shell/Section';
import { Support } from '../../shell/Support';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import { Ended } from './Ended';
import { Overall } from './Overall';
import { StepList } from './StepList';
import { StopButton } from './StopButton';
import { stepsOf, type Steps } from './progress';
import { SoFar } from './SoFar';

/** An import of which nothing was heard for as long as three polls (ms) says so. */
const SILENT_AFTER = 3 * POLL.running;

/** Where the import stands, what it waits for, and what to do. */
const ImportPage = (): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const sync = useQuery(syncQuery());
  const isSilent = failingFor(sync) >= SILENT_AFTER;
  const store = sync.data?.store?.name;
  const percent = flooredPercent(locale, sync.data?.progressPercentage ?? 0);
  const isRunning = sync.data?.status === 'running';
  const title = store ? say('import.title', { store }) : say('import.title.unnamed');
  return (
    <Page title={title} tab={isRunning ? say('import.tab', { percent }) : title} width={760}>
      <Loaded query={{ ...sync, isError: sync.isError && sync.data === undefined } as typeof sync} height={420}>
        {(status) => (
          <>
            {isSilent && (
              <Alert severity="info" variant="outlined">
                <Sentence id="import.silent" values={{ ago: <Ago key="ago" at={new Date(sync.dataUpdatedAt).toISOString()} /> }} />
              </Alert>
            )}
            <Standing status={status} isSilent={isSilent} />
          </>
        )}
      </Loaded>
    </Page>
  );
};

const Standing = ({ status, isSilent }: { status: SyncStatusBody; isSilent: boolean }): ReactElement => {
  const steps = stepsOf(status);
  const before = usePrevious(steps);
  const isOver = ['completed', 'failed', 'cancelled', 'not_started'].includes(status.status);
  if (isOver) return <Ended status={status} steps={steps} />;
  return (
    <>
      {status.status === 'paused' && <Paused status={status} />}
      <Section>
        <Overall status={status} steps={steps} before={before} isSilent={isSilent} />
        {isUseful(status) && (
          <Alert severity="success" variant="outlined" sx={{ marginBlock: 2 }} action={<ButtonLink to="/" search={{ open: true }} color="inherit" size="small"><Sentence id="import.openDashboard" /></ButtonLink>}>
            <Sentence id="import.dashboardReady" />
          </Alert>
        )}
        <StepList steps={steps} />
        {steps.unreadable > 0 && (
          <Typography variant="body2" sx={{ color: 'warning.main', marginBlockStart: 1 }}>
            <Sentence id="import.unreadable" values={{ n: steps.unreadable }} /> <Support about={status.jobId} />
          </Typography>
        )}
        <Typography variant="body2" sx={{ color: 'text.secondary', marginBlock: 2 }}>
          <Sentence id="import.mayClose" />
        </Typography>
      </Section>
      <SoFar status={status} />
      <div>
        <StopButton />
      </div>
    </>
  );
};

/** Why it waits, and what happens by itself or is to be done. */
const Paused = ({ status }: { status: SyncStatusBody }): ReactElement => (
  <Alert
    severity="warning"
    variant="outlined"
    action={
      status.waitsFor === 'merchant' ? (
        <ButtonLink to="/connection" color="inherit" size="small">
          <Sentence id="import.reconnect" />
        </ButtonLink>
      ) : undefined
    }
  >
    <strong>
      <Sentence id="import.paused" />
    </strong>
    <br />
    {status.advice ?? <Sentence id="import.unknownCause" values={{ code: status.cause ?? '?' }} />}{' '}
    {status.pausedUntil && status.waitsFor !== 'merchant' && (
      <Sentence id="import.paused.until" values={{ time: <Moment key="until" at={status.pausedUntil} /> }} />
    )}
  </Alert>
);

/** The steps as they were before they changed last. */
const usePrevious = (steps: Steps): Steps | undefined => {
  const [known, setKnown] = useState<{ before?: Steps; now: Steps }>({ now: steps });
  const isNew = JSON.stringify(known.now) !== JSON.stringify(steps);
  useEffect(() => {
    if (isNew) setKnown({ before: known.now, now: steps });
  }, [isNew, known.now, steps]);
  return isNew ? known.now : known.before;
};

export default ImportPage;
