import Box from '@mui/material/Box';
import { styled } from '@mui/material/styles';
import Table from '@mui/material/Table';
import TableBody from '@mui/material/TableBody';
import TableCell from '@mui/material/TableCell';
import TableHead from '@mui/material/TableHead';
import TableRow from '@mui/material/TableRow';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { createLink, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { TextLink } from '../../shell/links';
import { Sentence } from '../../words/words';
import type { ListKind } from './ListPage';
import type { ListSearch } from './search';

interface RowsProps<T> {
  kind: ListKind<T>;
  items: T[];
  search: ListSearch;
}

/** Rows as a table, on a phone as cards: a table is never pushed sideways. */
export const Rows = <T,>(props: RowsProps<T>): ReactElement => {
  const isPhone = useMediaQuery('(max-width: 699px)');
  return isPhone ? <Cards {...props} /> : <AsTable {...props} />;
};

const AsTable = <T,>({ kind, items, search }: RowsProps<T>): ReactElement => {
  const navigate = useNavigate();
  const to = `/${kind.name}/$id` as const;
  return (
    <Table size="small">
      <TableHead>
        <TableRow>
          {kind.columns.map((column) => (
            <TableCell key={column.word} sx={{ textAlign: column.isNumber ? 'end' : 'start', color: 'text.secondary' }}>
              <Sentence id={column.word} />
            </TableCell>
          ))}
        </TableRow>
      </TableHead>
      <TableBody>
        {items.map((item) => {
          const id = String(kind.id(item));
          return (
            <TableRow key={id} hover sx={{ cursor: 'pointer', '& td': { height: 44 } }} onClick={() => void navigate({ to, params: { id }, search })}>
              {kind.columns.map((column, index) => (
                <TableCell key={column.word} sx={{ textAlign: column.isNumber ? 'end' : 'start' }}>
                  {index === 0 ? (
                    <TextLink to={to} params={{ id }} search={search} color="inherit" underline="hover" onClick={(event) => event.stopPropagation()}>
                      {column.show(item)}
                    </TextLink>
                  ) : (
                    column.show(item)
                  )}
                </TableCell>
              ))}
            </TableRow>
          );
        })}
      </TableBody>
    </Table>
  );
};

const Card = createLink(
  styled('a')({ display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) auto', gap: 8, padding: 16, color: 'inherit', textDecoration: 'none', minHeight: 72 }),
);

const Cards = <T,>({ kind, items, search }: RowsProps<T>): ReactElement => (
  <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0 }}>
    {items.map((item) => {
      const id = String(kind.id(item));
      const { title, line, figure, aside } = kind.card(item);
      return (
        <Box key={id} component="li" sx={{ borderBlockStart: 1, borderBlockStartStyle: 'solid', borderColor: 'divider' }}>
          <Card
            to={`/${kind.name}/$id` as const}
            params={{ id }}
            search={search}
          >
            <Box sx={{ minWidth: 0 }}>
              <Typography component="div" sx={{ fontWeight: 600 }}>
                {title}
              </Typography>
              <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
                {line}
              </Typography>
            </Box>
            <Box sx={{ textAlign: 'end' }}>
              <Typography component="div" sx={{ fontWeight: 600 }}>
                {figure}
              </Typography>
              <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
                {aside}
              </Typography>
            </Box>
          </Card>
        </Box>
      );
    })}
  </Box>
);
