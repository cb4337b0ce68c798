import Box from '@mui/material/Box';
import type { ReactElement, ReactNode } from 'react';

/** One of several, by size. */
export interface Ranked {
  key: string;
  name: ReactNode;
  value: number;
  /** The value in words. */
  shown: ReactNode;
  /** More of it, in small. */
  aside?: ReactNode;
}

interface RankedBarsProps {
  label: string;
  rows: Ranked[];
}

/** Bars by size, as a table: what is drawn is what is read. They grow from the reading side. */
export const RankedBars = ({ label, rows }: RankedBarsProps): ReactElement => {
  const largest = Math.max(1, ...rows.map((row) => row.value));
  return (
    <Box component="table" aria-label={label} sx={{ width: '100%', borderCollapse: 'collapse', fontSize: '.875rem', tableLayout: 'fixed' }}>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <Box component="th" scope="row" sx={{ textAlign: 'start', fontWeight: 400, paddingBlock: 0.75, paddingInlineEnd: 1, overflow: 'hidden', textOverflow: 'ellipsis' }}>
              <div>{row.name}</div>
              <Box aria-hidden sx={{ height: 6, borderRadius: 3, backgroundColor: 'primary.main', marginBlockStart: 0.5 }} style={{ width: `${Math.max(1, (100 * row.value) / largest)}%` }} />
            </Box>
            <Box component="td" sx={{ width: '42%', textAlign: 'end', verticalAlign: 'top', paddingBlock: 0.75, whiteSpace: 'nowrap' }}>
              {row.shown}
              {row.aside && <Box sx={{ color: 'text.secondary', fontSize: '.8125rem' }}>{row.aside}</Box>}
            </Box>
          </tr>
        ))}
      </tbody>
    </Box>
  );
};
