import Box from '@mui/material/Box';
import type { ReactElement } from 'react';

const WIDTH = 120;
const HEIGHT = 32;

/** A small trend beside a figure: its shape alone, which the large one says in numbers. */
export const Spark = ({ values }: { values: number[] }): ReactElement | null => {
  if (values.length < 2) return null;
  const largest = Math.max(...values, 1);
  const x = (index: number): number => (index / (values.length - 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - 1 - (Math.max(0, value) / largest) * (HEIGHT - 2);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <Box component="svg" aria-hidden viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" sx={{ width: '100%', height: HEIGHT, display: 'block', color: 'primary.main' }}>
      <polyline points={points} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </Box>
  );
};
