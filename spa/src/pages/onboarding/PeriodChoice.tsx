import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import FormControlLabel from '@mui/material/FormControlLabel';
import Paper from '@mui/material/Paper';
import Radio from '@mui/material/Radio';
import RadioGroup from '@mui/material/RadioGroup';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';

import { estimateImport, startImport } from '../../api/generated/client';
import type { EstimateBody } from '../../api/generated/client.schemas';
import { codeOf } from '../../api/problem';
import { expectNews, isUnderWay, newsCame, syncQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { duration, roundTimeLeft } from '../../format/timeLeft';
import { BusyButton } from '../../shell/BusyButton';
import { problemText } from '../../shell/problemText';
import { Section } from '../../shell/Section';
import { useIsHere } from '../../shell/useIsHere';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';

/** Months of history that can be read. */
type Depth = 12 | 24;
const depths: Depth[] = [24, 12];

/** Asks how far back to read, with what each choice costs, and starts. */
export const PeriodChoice = ({ storeName }: { storeName: string }): ReactElement => {
  const say = useSay();
  const navigate = useNavigate();
  const client = useQueryClient();
  const isHere = useIsHere();
  const [depth, setDepth] = useState<Depth>(24);
  const starting = useMutation({
    mutationFn: () => startImport({ depthInMonths: depth }),
    onSettled: async (body, error) => {
      // An import that runs already is the one that was asked for.
      if (error && codeOf(error) !== 'sync-conflict') return;
      expectNews();
      if (await readUntil(client, syncQuery(), ({ runId, status }) => (body ? runId === body.runId : isUnderWay(status)))) newsCame();
      if (isHere()) await navigate({ to: '/import' });
    },
  });
  return (
    <Section title={say('period.title')}>
      <Box sx={{ display: 'grid', gap: 2 }}>
        <Typography>
          <bdi>
            <strong>{storeName}</strong>
          </bdi>{' '}
          · <Sentence id="period.text" />
        </Typography>
        <RadioGroup aria-label={say('period.title')} value={depth} onChange={(event) => setDepth(Number(event.target.value) as Depth)}>
          <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr', sm: '1fr 1fr' } }}>
            {depths.map((one) => (
              <Choice key={one} depth={one} isChosen={one === depth} />
            ))}
          </Box>
        </RadioGroup>
        {starting.isError && codeOf(starting.error) !== 'sync-conflict' && (
          <Alert severity="error" variant="outlined" role="alert">
            {problemText(starting.error, say)}
          </Alert>
        )}
        <div>
          <BusyButton variant="contained" size="large" isBusy={starting.isPending} onClick={() => starting.mutate()}>
            <Sentence id="period.start" />
          </BusyButton>
        </div>
      </Box>
    </Section>
  );
};

const Choice = ({ depth, isChosen }: { depth: Depth; isChosen: boolean }): ReactElement => {
  const say = useSay();
  const estimate = useQuery({
    queryKey: ['estimate', depth],
    queryFn: ({ signal }) => estimateImport({ depthInMonths: depth }, { signal }),
    staleTime: 600_000,
    retry: false,
  });
  return (
    <Paper sx={{ padding: 2, borderColor: isChosen ? 'primary.main' : 'divider', borderWidth: isChosen ? 2 : 1, margin: isChosen ? 0 : '1px' }}>
      <FormControlLabel
        value={depth}
        control={<Radio />}
        sx={{ width: '100%' }}
        label={<Typography variant="h2" component="span">{say('period.months', { n: depth })}</Typography>}
      />
      <Box sx={{ minHeight: 52, display: 'grid', alignContent: 'start' }} aria-live="polite">
        {estimate.isPending && <Quiet>{say('period.estimating')}</Quiet>}
        {estimate.isError && <Quiet>{say('period.noEstimate')}</Quiet>}
        {estimate.data && <Estimated estimate={estimate.data} />}
      </Box>
    </Paper>
  );
};

const Estimated = ({ estimate }: { estimate: EstimateBody }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const time = (minutes: number): string => {
    const rounded = roundTimeLeft(minutes * 60);
    return rounded.minutes === 0 ? say('underAMinute') : duration(locale, rounded.minutes);
  };
  const { orders, minutesUntilUseful, hoursUntilComplete } = estimate;
  return (
    <>
      <Quiet>{say('period.orders', { n: orders })}</Quiet>
      {minutesUntilUseful !== null && <Quiet>{say('period.useful', { time: time(minutesUntilUseful) })}</Quiet>}
      {hoursUntilComplete !== null && <Quiet>{say('period.complete', { time: time(hoursUntilComplete * 60) })}</Quiet>}
    </>
  );
};

const Quiet = ({ children }: { children: string }): ReactElement => (
  <Typography variant="body2" sx={{ color: 'text.secondary' }}>
    {children}
  </Typography>
);
