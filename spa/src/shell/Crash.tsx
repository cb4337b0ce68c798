import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { Component, type ErrorInfo, type ReactElement, type ReactNode } from 'react';

import { Sentence } from '../words/words';
import { isLeaving } from './newVersion';

/** What is shown instead of a page that failed. */
export const Crashed = (): ReactElement => (
  <Box role="alert" sx={{ padding: 4, display: 'grid', gap: 2, justifyItems: 'start', maxWidth: 560, marginInline: 'auto' }}>
    <Typography variant="h1">
      <Sentence id="crash.title" />
    </Typography>
    <Typography>
      <Sentence id="crash.text" />
    </Typography>
    <Button variant="contained" onClick={() => location.reload()}>
      <Sentence id="crash.reload" />
    </Button>
  </Box>
);

/** Keeps a fault of one part from taking the whole app. */
export class CrashGuard extends Component<{ children: ReactNode }, { hasCrashed: boolean }> {
  override state = { hasCrashed: false };

  static getDerivedStateFromError(): { hasCrashed: boolean } {
    return { hasCrashed: true };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    if (!isLeaving()) console.error('a page has stopped', error, info.componentStack);
  }

  override render(): ReactNode {
    return this.state.hasCrashed ? <Crashed /> : this.props.children;
  }
}
