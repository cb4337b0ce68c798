import ArrowDropDown from '@mui/icons-material/ArrowDropDown';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Menu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import { type ReactElement, type ReactNode, useId, useState } from 'react';

interface ChoiceProps<T extends string> {
  label: string;
  /** What is chosen, in words. */
  shown: ReactNode;
  value: T | undefined;
  options: readonly { value: T; shown: ReactNode }[];
  choose: (value: T) => void;
}

/** One of several, from a menu: lighter by 14 KB than a select field, for pages that have no other field. */
export const Choice = <T extends string>({ label, shown, value, options, choose }: ChoiceProps<T>): ReactElement => {
  const id = useId();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const pick = (chosen: T): void => {
    setAnchor(null);
    choose(chosen);
  };
  return (
    <>
      <Button variant="outlined" color="inherit" id={id} aria-haspopup="menu" aria-expanded={anchor !== null} endIcon={<ArrowDropDown />} onClick={(event) => setAnchor(event.currentTarget)} sx={{ borderColor: 'divider', fontWeight: 400 }}>
        <Box component="span" sx={{ color: 'text.secondary', marginInlineEnd: 0.75 }}>
          {label}:
        </Box>
        {shown}
      </Button>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)} slotProps={{ list: { 'aria-labelledby': id } }}>
        {options.map((option) => (
          <MenuItem key={option.value} role="menuitemradio" aria-checked={option.value === value} selected={option.value === value} onClick={() => pick(option.value)}>
            {option.shown}
          </MenuItem>
        ))}
      </Menu>
    </>
  );
};
