import Close from '@mui/icons-material/Close';
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import type { UseQueryResult } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, type ReactNode, useId } from 'react';

import { ApiProblem } from '../../api/problem';
import { Loaded } from '../../shell/Loaded';
import { Sentence, useSay, type WordId } from '../../words/words';
import type { ListName } from '../lists/search';

interface DetailProps<T> {
  /** The list that it lies over. */
  of: ListName;
  title: ReactNode;
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}

/** Something of a list, over that list; its address is its own, and closing it leads back to the list as it was. */
export const Detail = <T,>({ of, title, query, children }: DetailProps<T>): ReactElement => {
  const say = useSay();
  const navigate = useNavigate();
  const heading = useId();
  const close = (): void => void navigate({ to: `/${of}`, search: (search) => search, resetScroll: false });
  const isGone = query.error instanceof ApiProblem && query.error.status === 404;
  return (
    <Drawer anchor="right" open onClose={close} slotProps={{ paper: { role: 'dialog', 'aria-labelledby': heading, sx: { width: { xs: '100%', sm: 560 }, borderRadius: 0 } } }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1, padding: 2, position: 'sticky', top: 0, backgroundColor: 'background.paper', zIndex: 1 }}>
        <Typography variant="h1" component="h2" id={heading} sx={{ flexGrow: 1 }}>
          {title}
        </Typography>
        <IconButton aria-label={say('close')} onClick={close} autoFocus>
          <Close />
        </IconButton>
      </Box>
      <Box sx={{ padding: 2, paddingBlockStart: 0 }}>
        {isGone ? (
          <Alert severity="info" variant="outlined">
            <Sentence id="detail.notFound" />
          </Alert>
        ) : (
          <Loaded query={query} height={480}>
            {(data) => <Box sx={{ display: 'grid', gap: 3 }}>{children(data)}</Box>}
          </Loaded>
        )}
      </Box>
    </Drawer>
  );
};

/** A part of it. */
export const Part = ({ title, children }: { title: WordId; children: ReactNode }): ReactElement => (
  <section>
    <Typography variant="h2" component="h3" sx={{ marginBlockEnd: 1 }}>
      <Sentence id={title} />
    </Typography>
    {children}
  </section>
);

/** Names and values; a value that is not known is left out. */
export const Facts = ({ rows }: { rows: [ReactNode, ReactNode][] }): ReactElement => (
  <Box component="dl" sx={{ margin: 0, display: 'grid', gridTemplateColumns: 'minmax(72px, auto) minmax(0, 1fr)', columnGap: 2, rowGap: 0.5, fontSize: '.875rem', '& dt': { color: 'text.secondary' }, '& dd': { margin: 0, textAlign: 'end' } }}>
    {rows
      .filter(([, value]) => value !== null && value !== undefined && value !== false)
      .map(([name, value], index) => (
        <Box key={index} sx={{ display: 'contents' }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Box>
      ))}
  </Box>
);
