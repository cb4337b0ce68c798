import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { listReconciliations } from '../../api/generated/client';
import type { ReconciliationBody } from '../../api/generated/client.schemas';
import { meQuery } from '../../api/queries';
import { Day, Moment } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { NoStore } from '../../shell/NoStore';
import { Page } from '../../shell/Page';
import { Sentence, useSay, type WordId } from '../../words/words';
import { type DayOfRuns, runsByDay } from './runsByDay';

const names: Record<string, WordId> = {
  orders: 'import.resource.orders',
  customers: 'import.resource.customers',
  products: 'import.resource.products',
};

/** Whether Salla and we agree, night by night. */
const ReconciliationsPage = (): ReactElement => {
  const say = useSay();
  const me = useQuery(meQuery());
  const runs = useInfiniteQuery({
    queryKey: ['reconciliations'],
    queryFn: ({ signal, pageParam }) => listReconciliations({ cursor: pageParam, limit: 60 }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });
  if (me.data?.connection === null) return <NoStore title={say('page.reconciliations')} />;
  return (
    <Page title={say('page.reconciliations')} width={900}>
      <Typography sx={{ color: 'text.secondary' }}>
        <Sentence id="reconciliations.text" />
      </Typography>
      <Loaded query={runs} height={480}>
        {({ pages }) => {
          const days = runsByDay(pages.flatMap((page) => page.items));
          return (
            <>
              {days.length === 0 && (
                <Paper sx={{ padding: 4, textAlign: 'center' }}>
                  <Sentence id="reconciliations.none" />
                </Paper>
              )}
              {days.map((one) => (
                <DayCard key={one.day} of={one} />
              ))}
            </>
          );
        }}
      </Loaded>
      {runs.hasNextPage && (
        <div>
          <Button variant="outlined" loading={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
            <Sentence id="reconciliations.older" />
          </Button>
        </div>
      )}
    </Page>
  );
};

const DayCard = ({ of }: { of: DayOfRuns }): ReactElement => (
  <Paper component="section" sx={{ padding: 2, display: 'grid', gap: 1 }}>
    <Typography variant="h2">
      <Day of={of.day} />
    </Typography>
    {of.isAllEqual && (
      <Alert severity="success" variant="outlined">
        <Sentence id="reconciliations.equal" />
      </Alert>
    )}
    {of.runs.map((run) => (
      <Run key={run.runId + run.resource} run={run} />
    ))}
  </Paper>
);

const Run = ({ run }: { run: ReconciliationBody }): ReactElement => {
  const say = useSay();
  const { summary } = run;
  const name = names[run.resource];
  const unread = summary.failed + summary.skipped;
  const figures = [
    say('reconciliations.compared', { n: summary.fetched }),
    summary.created > 0 && say('reconciliations.added', { n: summary.created }),
    summary.updated > 0 && say('reconciliations.corrected', { n: summary.updated }),
    say('reconciliations.unchanged', { n: summary.unchanged }),
    unread > 0 && say('reconciliations.unreadable', { n: unread }),
  ].filter(Boolean);
  return (
    <Box>
      <Typography component="h3" sx={{ fontWeight: 600 }}>
        {name ? say(name) : run.resource}
      </Typography>
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        {figures.join(' · ')} · <Moment at={run.finishedAt} />
      </Typography>
      {run.cause !== null && (
        <Typography variant="body2" sx={{ color: 'warning.main' }}>
          {run.advice ?? say('reconciliations.stopped', { code: run.cause })}
        </Typography>
      )}
    </Box>
  );
};

export default ReconciliationsPage;
