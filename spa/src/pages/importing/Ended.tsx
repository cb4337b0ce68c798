import Alert, { type AlertColor } from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ReactElement, ReactNode } from 'react';

import { resumeImport } from '../../api/generated/client';
import type { SyncStatusBody } from '../../api/generated/client.schemas';
import { isUnderWay } from '../../api/queries';
import { Latin } from '../../format/shown';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { Support } from '../../shell/Support';
import { toast } from '../../shell/toasts';
import { Sentence, useSay, type WordId } from '../../words/words';
import { StepList } from './StepList';
import type { Steps } from './progress';
import { useImportCommand } from './useImportCommand';

/** Causes of a failure that only a new connection mends. */
const NEEDS_CONNECTION = ['not_connected', 'scope_missing'];

/** An import that does not run: how it ended, what is kept, and the one thing to do. */
export const Ended = ({ status, steps }: { status: SyncStatusBody; steps: Steps }): ReactElement => {
  switch (status.status) {
    case 'completed':
      return (
        <Result severity="success" title="import.completed" action={<ButtonLink to="/" variant="contained"><Sentence id="import.openDashboard" /></ButtonLink>} steps={steps}>
          <Sentence id="import.completed.text" />
        </Result>
      );
    case 'failed':
      return (
        <Result severity="error" title="import.failed" action={<AfterFailure cause={status.cause} />} steps={steps}>
          {status.advice ?? <Sentence id="import.unknownCause" values={{ code: status.cause ?? '?' }} />} <Sentence id="import.failed.kept" />
          <br />
          <Sentence id="import.failed.job" values={{ job: <Latin key="job">{status.jobId ?? ''}</Latin> }} /> <Support about={status.jobId} />
        </Result>
      );
    case 'cancelled':
      return (
        <Result severity="info" title="import.cancelled" action={<Restart />} steps={steps}>
          <Sentence id="import.cancelled.text" />
        </Result>
      );
    default:
      return <Result severity="info" title="import.notStarted" action={<Restart />} />;
  }
};

const Restart = (): ReactElement => (
  <ButtonLink to="/welcome" variant="contained">
    <Sentence id="import.restart" />
  </ButtonLink>
);

const AfterFailure = ({ cause }: { cause: string | null }): ReactElement => {
  const say = useSay();
  const resuming = useImportCommand(resumeImport, isUnderWay, () => toast(say('import.resumed')));
  if (cause !== null && NEEDS_CONNECTION.includes(cause)) {
    return (
      <ButtonLink to="/connection" variant="contained">
        <Sentence id="import.reconnect" />
      </ButtonLink>
    );
  }
  return (
    <BusyButton variant="contained" isBusy={resuming.isPending} onClick={() => resuming.mutate()}>
      <Sentence id="import.resume" />
    </BusyButton>
  );
};

interface ResultProps {
  severity: AlertColor;
  title: WordId;
  action: ReactNode;
  steps?: Steps;
  children?: ReactNode;
}

const Result = ({ severity, title, action, steps, children }: ResultProps): ReactElement => (
  <Section>
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Alert severity={severity} variant="outlined">
        <strong>
          <Sentence id={title} />
        </strong>
        {children && (
          <Typography variant="body2" component="div">
            {children}
          </Typography>
        )}
      </Alert>
      <div>{action}</div>
      {steps && steps.lists.length > 0 && <StepList steps={steps} isComplete={severity === 'success'} />}
    </Box>
  </Section>
);
