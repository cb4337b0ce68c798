import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import type { ReactElement } from 'react';

interface OneOfProps<T extends string> {
  label: string;
  options: readonly { value: T; shown: string }[];
  chosen: T;
  choose: (value: T) => void;
}

/** A choice of a few, as buttons of which one stays pressed. */
export const OneOf = <T extends string>({ label, options, chosen, choose }: OneOfProps<T>): ReactElement => (
  <Box role="group" aria-label={label} sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.5, '@media print': { display: 'none' } }}>
    {options.map(({ value, shown }) => {
      const isChosen = value === chosen;
      return (
        <Button
          key={value}
          size="small"
          variant="outlined"
          color={isChosen ? 'primary' : 'inherit'}
          aria-pressed={isChosen}
          sx={{ minHeight: 36, ...(isChosen ? { backgroundColor: 'action.selected' } : { borderColor: 'divider', color: 'text.secondary' }) }}
          onClick={() => choose(value)}
        >
          {shown}
        </Button>
      );
    })}
  </Box>
);
