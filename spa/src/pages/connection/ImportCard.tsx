import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { listSyncRuns } from '../../api/generated/client';
import type { SyncRunBody } from '../../api/generated/client.schemas';
import { isUnderWay, syncQuery } from '../../api/queries';
import { flooredPercent } from '../../format/numbers';
import { Moment } from '../../format/shown';
import { Loaded } from '../../shell/Loaded';
import { ButtonLink } from '../../shell/links';
import { Section } from '../../shell/Section';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';

/** Salla's history is read at most so far back (months). */
const DEEPEST = 24;

const words: Record<string, WordId> = {
  not_started: 'import.notStarted',
  requested: 'import.waiting',
  running: 'runs.running',
  paused: 'import.paused',
  completed: 'import.completed',
  failed: 'import.failed',
  cancelled: 'import.cancelled',
};

/** Where the import stands, which there were, and a deeper one. */
export const ImportCard = (): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const sync = useQuery(syncQuery());
  const runs = useQuery({ queryKey: ['runs'], queryFn: ({ signal }) => listSyncRuns({ limit: 5 }, { signal }) });
  return (
    <Section title={say('page.import')}>
      <Loaded query={sync} height={96}>
        {({ status, progressPercentage, depthInMonths }) => (
          <Box sx={{ display: 'grid', gap: 1, justifyItems: 'start' }}>
            <Typography>
              {say(words[status] ?? 'runs.unknown', { status })}
              {isUnderWay(status) && (
                <>
                  {' · '}
                  <bdi>{flooredPercent(locale, progressPercentage)}</bdi>
                </>
              )}
              {depthInMonths !== null && ` · ${say('period.months', { n: depthInMonths })}`}
            </Typography>
            {isUnderWay(status) || status === 'failed' ? (
              <ButtonLink to="/import" variant="outlined">
                <Sentence id="banner.importing.action" />
              </ButtonLink>
            ) : (
              <ButtonLink to="/welcome" variant="outlined">
                <Sentence id={status === 'completed' && (depthInMonths ?? 0) < DEEPEST ? 'runs.deeper' : 'import.restart'} />
              </ButtonLink>
            )}
          </Box>
        )}
      </Loaded>
      {runs.data && runs.data.items.length > 0 && (
        <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, marginBlockStart: 2, display: 'grid', gap: 1 }}>
          {runs.data.items.map((run) => (
            <Run key={run.runId} run={run} />
          ))}
        </Box>
      )}
    </Section>
  );
};

const Run = ({ run }: { run: SyncRunBody }): ReactElement => {
  const say = useSay();
  const { imported } = run;
  return (
    <Typography component="li" variant="body2" sx={{ color: 'text.secondary' }}>
      <Moment at={run.requestedAt} /> · {say(words[run.status] ?? 'runs.unknown', { status: run.status })} · {say('period.months', { n: run.depthInMonths })}
      {imported !== null && ` · ${say('orders.n', { n: imported.orders })}`}
    </Typography>
  );
};
