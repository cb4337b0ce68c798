import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import LinearProgress from '@mui/material/LinearProgress';
import Skeleton from '@mui/material/Skeleton';
import Typography from '@mui/material/Typography';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactElement, type ReactNode, useEffect, useState } from 'react';

import { ApiProblem, codeOf, refusalOf, UNREACHABLE } from '../api/problem';
import { Latin, Moment } from '../format/shown';
import { Sentence, useSay } from '../words/words';
import { Support } from './Support';

/** What is loaded sooner shows no skeleton (ms). */
const SOON = 150;
/** What takes longer is said to (ms). */
const LONG = 8_000;

/** What answers the question before stands dimmed, unless the answer comes soon. */
const OF_BEFORE = { opacity: 0.5, transition: `opacity 100ms linear ${SOON}ms` };

/** Pixels, on a phone and above. */
type Height = number | { xs: number; md: number };

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  /** Pixels that the content will take: nothing moves when it comes. */
  height: Height;
  /** What was typed, where that is what the query looks for: a refusal is a sentence about it. */
  typed?: string;
  children: (data: T) => ReactNode;
}

/** What a query answers: first a skeleton of its height, then the content, which stays while it is asked for again and where that fails. */
export const Loaded = <T,>({ query, height, typed, children }: LoadedProps<T>): ReactElement => {
  const refusal = refusalOf(query.error);
  if (query.data === undefined) {
    return typed !== undefined && refusal !== undefined ? (
      <Refusal typed={typed} why={refusal} />
    ) : query.isError ? (
      <Failure error={query.error} retry={() => void query.refetch()} />
    ) : (
      <Waiting height={height} />
    );
  }
  return (
    <Box sx={{ position: 'relative' }} aria-busy={query.isFetching}>
      {query.isPlaceholderData && <Refetching />}
      {query.isError && <Stale at={query.dataUpdatedAt} />}
      <Box sx={query.isPlaceholderData ? OF_BEFORE : undefined}>{children(query.data)}</Box>
    </Box>
  );
};

/** A skeleton; it says so where it takes long. */
export const Waiting = ({ height }: { height: Height }): ReactElement => {
  const isLate = useAfter(SOON);
  const isLong = useAfter(LONG);
  const say = useSay();
  return (
    <Box sx={{ height, position: 'relative' }} role="status" aria-label={say('loading')}>
      {isLate && <Skeleton variant="rounded" animation={false} sx={{ height: '100%' }} />}
      {isLong && (
        <Typography variant="body2" sx={{ position: 'absolute', inset: 0, display: 'grid', placeItems: 'center' }}>
          <Sentence id="loading.slow" />
        </Typography>
      )}
    </Box>
  );
};

const useAfter = (ms: number): boolean => {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return isOver;
};

/** A thin line over content that is being asked for anew. */
const Refetching = (): ReactElement => {
  const say = useSay();
  return <LinearProgress aria-label={say('loading')} sx={{ position: 'absolute', insetInline: 0, top: -2, height: 2 }} />;
};

const Stale = ({ at }: { at: number }): ReactElement => (
  <Typography variant="caption" sx={{ color: 'warning.main' }} role="status">
    <Sentence id="refetch.failed" values={{ moment: <Moment at={new Date(at).toISOString()} /> }} />
  </Typography>
);

/** What was typed is not looked for, and why. */
export const Refusal = ({ typed, why }: { typed: string; why: string }): ReactElement => (
  <Alert severity="info" variant="outlined">
    <Sentence id="search.refused" values={{ typed: <bdi key="typed">{typed}</bdi>, why }} />
  </Alert>
);

/** Why something is not there: what happened, a button, and the number that support asks for. */
export const Failure = ({ error, retry }: { error: unknown; retry: () => void }): ReactElement => {
  const problem = error instanceof ApiProblem ? error : undefined;
  const refusal = refusalOf(error);
  const isUnreachable = problem === undefined || codeOf(error) === UNREACHABLE || problem.detail === '';
  return (
    <Alert
      severity="warning"
      variant="outlined"
      action={
        refusal === undefined && (
          <Button color="inherit" size="small" onClick={retry}>
            <Sentence id="tryAgain" />
          </Button>
        )
      }
    >
      {isUnreachable ? (
        <>
          <Sentence id="unreachable.title" />. <Sentence id="unreachable.text" />
        </>
      ) : (
        [problem.detail, refusal].filter(Boolean).join(' ')
      )}
      {problem?.requestId && refusal === undefined && (
        <Typography variant="caption" component="p" sx={{ color: 'text.secondary' }}>
          <Sentence id="failed.request" values={{ id: <Latin key="id">{problem.requestId}</Latin> }} /> <Support about={problem.requestId} />
        </Typography>
      )}
    </Alert>
  );
};
