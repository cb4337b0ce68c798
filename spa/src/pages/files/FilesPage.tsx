import Add from '@mui/icons-material/Add';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listExports } from '../../api/generated/client';
import type { ExportBody } from '../../api/generated/client.schemas';
import { meQuery } from '../../api/queries';
import { Loaded } from '../../shell/Loaded';
import { NoStore } from '../../shell/NoStore';
import { Page } from '../../shell/Page';
import { Sentence, useSay } from '../../words/words';
import { FileRow } from './FileRow';
import { NewFile } from './NewFile';

/** How often (ms) files that are being made are asked for. */
const POLL = 2_000;

const isBeingMade = ({ status }: Pick<ExportBody, 'status'>): boolean => status === 'requested' || status === 'running';

/** Files of reports: asked for, being made, ready. */
const FilesPage = (): ReactElement => {
  const say = useSay();
  const navigate = useNavigate();
  const search = useSearch({ from: '/inside/reports' });
  const me = useQuery(meQuery());
  const files = useInfiniteQuery({
    queryKey: ['exports'],
    queryFn: ({ signal, pageParam }) => listExports({ cursor: pageParam, limit: 20 }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some(isBeingMade)) ? POLL : false),
  });
  if (me.data?.connection === null) return <NoStore title={say('page.files')} />;
  const ask = (report: typeof search.report): void => void navigate({ to: '/reports', search: report ? { report } : {} });
  return (
    <Page
      title={say('page.files')}
      width={900}
      actions={
        <Button variant="contained" startIcon={<Add />} onClick={() => ask('orders')}>
          <Sentence id="files.new" />
        </Button>
      }
    >
      {search.report && <NewFile wanted={{ ...search, report: search.report }} close={() => ask(undefined)} />}
      <Loaded query={files} height={480}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          return items.length === 0 ? <None /> : (
            <Paper component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0 }}>
              {items.map((file) => (
                <FileRow key={file.jobId} file={file} />
              ))}
            </Paper>
          );
        }}
      </Loaded>
      {files.hasNextPage && (
        <div>
          <Button variant="outlined" loading={files.isFetchingNextPage} onClick={() => void files.fetchNextPage()}>
            <Sentence id="files.older" />
          </Button>
        </div>
      )}
    </Page>
  );
};

const None = (): ReactElement => (
  <Paper sx={{ padding: 4, textAlign: 'center' }}>
    <Typography variant="h2">
      <Sentence id="files.none.title" />
    </Typography>
    <Typography sx={{ color: 'text.secondary' }}>
      <Sentence id="files.none.text" />
    </Typography>
  </Paper>
);

export default FilesPage;
