import Alert, { type AlertColor } from '@mui/material/Alert';
import Snackbar from '@mui/material/Snackbar';
import { type ReactElement, useSyncExternalStore } from 'react';

import { useSay } from '../words/words';

/** A message that goes by itself; an error stays until it is closed. */
interface Toast {
  id: number;
  text: string;
  severity: AlertColor;
}

/** Milliseconds. */
const STAYS = 6_000;

let queue: readonly Toast[] = [];
let made = 0;
const listeners = new Set<() => void>();

const change = (next: readonly Toast[]): void => {
  queue = next;
  for (const listener of listeners) listener();
};

/** Says something in passing; one after the other. */
export const toast = (text: string, severity: AlertColor = 'success'): void => {
  made += 1;
  change([...queue, { id: made, text, severity }]);
};

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Where toasts appear. */
export const Toasts = (): ReactElement | null => {
  const [first] = useSyncExternalStore(subscribe, () => queue);
  const say = useSay();
  if (first === undefined) return null;
  const close = (): void => change(queue.filter((one) => one.id !== first.id));
  return (
    <Snackbar
      key={first.id}
      open
      autoHideDuration={first.severity === 'error' ? null : STAYS}
      onClose={(_event, reason) => reason !== 'clickaway' && close()}
      anchorOrigin={{ vertical: 'bottom', horizontal: 'center' }}
    >
      <Alert severity={first.severity} variant="standard" onClose={close} closeText={say('close')} sx={{ border: 1, borderColor: 'divider' }}>
        {first.text}
      </Alert>
    </Snackbar>
  );
};
