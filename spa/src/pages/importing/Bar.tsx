import Box from '@mui/material/Box';
import type { ReactElement } from 'react';

import { useLocale } from '../../words/locale';

interface BarProps {
  /** What it is the progress of. */
  label: string;
  /** What a screen reader says of it. */
  text: string;
  /** 0 to 1. */
  share: number;
  isQuiet?: boolean;
  isLarge?: boolean;
}

/** A bar that moves to the last known value within the time of one poll, and never past it. */
export const Bar = ({ label, text, share, isQuiet = false, isLarge = false }: BarProps): ReactElement => {
  const origin = useLocale() === 'ar' ? '100% 50%' : '0 50%';
  return (
    <Box
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(share * 100)}
      aria-valuetext={text}
      sx={{ height: isLarge ? 12 : 6, borderRadius: 6, overflow: 'hidden', backgroundColor: 'divider' }}
    >
      <Box
        style={{ transform: `scaleX(${Math.max(0, Math.min(1, share))})`, transformOrigin: origin }}
        sx={{
          height: '100%',
          backgroundColor: isQuiet ? 'text.secondary' : 'primary.main',
          transition: 'transform 3s linear',
          '@media (prefers-reduced-motion: reduce)': { transition: 'none' },
        }}
      />
    </Box>
  );
};
