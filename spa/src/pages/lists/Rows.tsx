import Box from '@mui/material/Box';
import { styled } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { createLink, useNavigate } from '@tanstack/react-router';
import { memo, type ReactElement } from 'react';

import { Sentence } from '../../words/words';
import type { ListKind } from './ListPage';
import type { ListSearch } from './search';

interface RowsProps<T> {
  kind: ListKind<T>;
  items: T[];
  search: ListSearch;
}

const TableOrCards = <T,>(props: RowsProps<T>): ReactElement => {
  const isPhone = useMediaQuery('(max-width: 699px)');
  return isPhone ? <Cards {...props} /> : <AsTable {...props} />;
};

/** Rows as a table, on a phone as cards: a table is never pushed sideways. The same rows are not drawn twice. */
export const Rows = memo(TableOrCards) as typeof TableOrCards;

/** The look of Material's small table, in one style: components for each cell take half of the time in which a list is drawn. */
const Table = styled('table')(({ theme }) => {
  const palette = (theme.vars ?? theme).palette;
  return {
    width: '100%',
    borderCollapse: 'collapse',
    ...theme.typography.body2,
    '& th, & td': { padding: '6px 16px', textAlign: 'start', borderBlockEnd: `1px solid ${palette.divider}` },
    '& th': { color: palette.text.secondary, fontWeight: theme.typography.fontWeightMedium },
    '& td': { height: 44 },
    '& .number': { textAlign: 'end' },
    '& tbody tr': { cursor: 'pointer' },
    '& tbody tr:hover': { backgroundColor: palette.action.hover },
  };
});

const RowLink = createLink(styled('a')({ color: 'inherit', textDecoration: 'none', '&:hover': { textDecoration: 'underline' } }));

const AsTable = <T,>({ kind, items, search }: RowsProps<T>): ReactElement => {
  const navigate = useNavigate();
  const to = `/${kind.name}/$id` as const;
  return (
    <Table>
      <thead>
        <tr>
          {kind.columns.map((column) => (
            <th key={column.word} scope="col" className={column.isNumber ? 'number' : undefined}>
              <Sentence id={column.word} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => {
          const id = String(kind.id(item));
          return (
            <tr key={id} onClick={() => void navigate({ to, params: { id }, search })}>
              {kind.columns.map((column, index) => (
                <td key={column.word} className={column.isNumber ? 'number' : undefined}>
                  {index === 0 ? (
                    <RowLink to={to} params={{ id }} search={search} onClick={(event) => event.stopPropagation()}>
                      {column.show(item)}
                    </RowLink>
                  ) : (
                    column.show(item)
                  )}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
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
