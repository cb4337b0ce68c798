import Button, { type ButtonProps } from '@mui/material/Button';
import type { ReactElement } from 'react';

/** A button whose command is on its way: it keeps its width and its focus, and takes no second press. */
export const BusyButton = ({ isBusy, onClick, ...props }: ButtonProps & { isBusy: boolean }): ReactElement => (
  <Button
    {...props}
    loading={isBusy}
    aria-busy={isBusy}
    onClick={isBusy ? (event) => event.preventDefault() : onClick}
  />
);
