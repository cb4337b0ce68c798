import FileDownloadOutlined from '@mui/icons-material/FileDownloadOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Outlet, useNavigate } from '@tanstack/react-router';
import { type ReactElement, type ReactNode, useCallback, useState } from 'react';

import type { FacetsBody, TotalBody } from '../../api/generated/client.schemas';
import { meQuery, syncQuery } from '../../api/queries';
import { count } from '../../format/numbers';
import { ButtonLink } from '../../shell/links';
import { Loaded } from '../../shell/Loaded';
import { NoStore } from '../../shell/NoStore';
import { OneOf } from '../../shell/OneOf';
import { Page } from '../../shell/Page';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { exportOf } from './exportOf';
import { Filters } from './Filters';
import { Pages } from './Pages';
import { Rows } from './Rows';
import { SearchBox } from './SearchBox';
import { filterCount, isAmbiguous, type ListName, listParams, type ListSearch } from './search';

/** A column of a list. */
export interface Column<T> {
  word: WordId;
  isNumber?: boolean;
  show: (item: T) => ReactNode;
}

/** How a list is read and shown. */
export interface ListKind<T> {
  name: ListName;
  title: WordId;
  search: WordId;
  empty: WordId;
  read: (params: object, options: RequestInit) => Promise<{ items: T[]; nextCursor: string | null; total: TotalBody | null }>;
  readFacets: (options: RequestInit) => Promise<FacetsBody>;
  sorts: readonly string[];
  id: (item: T) => number;
  /** In a table. */
  columns: Column<T>[];
  /** On a phone: title, line below, figure, and what is below that. */
  card: (item: T) => { title: ReactNode; line: ReactNode; figure: ReactNode; aside: ReactNode };
}

interface ListPageProps<T> {
  kind: ListKind<T>;
  search: ListSearch;
}

/** A list: search, filters, order, rows, pages; all of it stands in the address. */
export const ListPage = <T,>({ kind, search }: ListPageProps<T>): ReactElement => {
  const say = useSay();
  const navigate = useNavigate();
  const me = useQuery(meQuery());
  const change = useCallback(
    (changed: Partial<ListSearch>) => void navigate({ to: `/${kind.name}`, search: cleaned({ ...search, cursors: undefined, ...changed }) }),
    [navigate, kind.name, search],
  );
  const params = listParams(kind.name, search);
  const rows = useQuery({
    queryKey: ['list', kind.name, params],
    queryFn: ({ signal }) => kind.read(cleaned({ ...params, count: true }), { signal }),
    placeholderData: keepPreviousData,
  });
  const shown = useShownSearch(search, rows.isPlaceholderData);
  if (me.data?.connection === null) return <NoStore title={say(kind.title)} />;
  return (
    <Page
      title={say(kind.title)}
      actions={
        <ButtonLink to="/reports" search={exportOf(kind.name, search)} variant="outlined" startIcon={<FileDownloadOutlined />}>
          <Sentence id="export" />
        </ButtonLink>
      }
    >
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'flex-start' }}>
        <SearchBox label={say(kind.search)} find={search.find} change={(find) => change({ find, where: undefined })} />
        <Filters kind={kind} search={search} change={change} />
      </Box>
      {isAmbiguous(kind.name, search.find) && <WhereChoice search={search} change={change} />}
      <Paper sx={{ overflow: 'hidden' }}>
        <Loaded query={rows} height={720} typed={search.find}>
          {({ items, nextCursor, total }) => (
            <>
              <Total of={kind.name} total={total} />
              {items.length === 0 ? (
                <Empty kind={kind.empty} isFiltered={filterCount(search) > 0 || search.find !== undefined} clear={() => void navigate({ to: `/${kind.name}`, search: {} })}>
                  {isAmbiguous(kind.name, search.find) && search.where !== 'products' && (
                    <Button variant="contained" onClick={() => change({ where: 'products' })}>
                      <Sentence id="lists.where.products.try" />
                    </Button>
                  )}
                </Empty>
              ) : (
                <Rows kind={kind} items={items} search={shown} />
              )}
              <Pages cursors={search.cursors ?? []} next={nextCursor} isOld={rows.isPlaceholderData} change={(cursors) => change({ cursors })} />
            </>
          )}
        </Loaded>
      </Paper>
      <Outlet />
    </Page>
  );
};

/** What the rows that are shown were asked for with: until those of a new question come, rows and their links stay as they are, and are not drawn anew. */
const useShownSearch = (search: ListSearch, isOld: boolean): ListSearch => {
  const [shown, setShown] = useState(search);
  if (!isOld && shown !== search) setShown(search);
  return isOld ? shown : search;
};

const cleaned = <T extends object>(search: T): T => Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;

/** Words may be a customer's or a product's. */
const WhereChoice = ({ search, change }: { search: ListSearch; change: (changed: Partial<ListSearch>) => void }): ReactElement => {
  const say = useSay();
  const options = [
    { value: 'people', shown: say('lists.where.people') },
    { value: 'products', shown: say('lists.where.products') },
  ] as const;
  return <OneOf label={say('lists.where')} options={options} chosen={search.where ?? 'people'} choose={(where) => change({ where })} />;
};

const Total = ({ of, total }: { of: ListName; total: TotalBody | null }): ReactElement | null => {
  const say = useSay();
  const locale = useLocale();
  const sync = useQuery(syncQuery());
  if (total === null) return null;
  return (
    <Typography variant="body2" role="status" sx={{ color: 'text.secondary', paddingInline: 2, paddingBlock: 1 }}>
      {total.isAtLeast ? say('lists.atLeast', { n: count(locale, total.count) }) : say(`lists.total.${of}`, { n: total.count })}
      {sync.data?.status === 'running' && ` · ${say('lists.arriving')}`}
    </Typography>
  );
};

/** Nothing yet, or nothing found: two different things. */
const Empty = ({ kind, isFiltered, clear, children }: { kind: WordId; isFiltered: boolean; clear: () => void; children: ReactNode }): ReactElement => (
  <Box sx={{ padding: 4, display: 'grid', gap: 2, justifyItems: 'center', textAlign: 'center' }}>
    {isFiltered ? (
      <>
        <Typography>
          <Sentence id="lists.nothing" />
        </Typography>
        {children}
        <Button variant="outlined" onClick={clear}>
          <Sentence id="lists.clear" />
        </Button>
      </>
    ) : (
      <>
        <Typography variant="h2">
          <Sentence id="lists.none.title" />
        </Typography>
        <Typography sx={{ color: 'text.secondary', maxWidth: 420 }}>
          <Sentence id={kind} />
        </Typography>
      </>
    )}
  </Box>
);
