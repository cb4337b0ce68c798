import NavigateBefore from '@mui/icons-material/NavigateBefore';
import NavigateNext from '@mui/icons-material/NavigateNext';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import type { ReactElement } from 'react';

import { Sentence, useSay } from '../../words/words';

interface PagesProps {
  /** Of the pages up to this one. */
  cursors: string[];
  next: string | null;
  /** What is shown is still the page before: its next page was asked for already. */
  isOld: boolean;
  change: (cursors: string[] | undefined) => void;
}

/** Icons that point follow the reading direction. */
const mirrored = { '[dir=rtl] &': { transform: 'scaleX(-1)' } };

/** To the page before and the next one. */
export const Pages = ({ cursors, next, isOld, change }: PagesProps): ReactElement | null => {
  const say = useSay();
  if (cursors.length === 0 && next === null) return null;
  const back = cursors.slice(0, -1);
  return (
    <Box component="nav" aria-label={say('lists.page')} sx={{ display: 'flex', gap: 1, padding: 2 }}>
      <Button variant="outlined" disabled={cursors.length === 0} startIcon={<NavigateBefore sx={mirrored} />} onClick={() => change(back.length > 0 ? back : undefined)}>
        <Sentence id="previous" />
      </Button>
      <Button variant="outlined" disabled={next === null || isOld} endIcon={<NavigateNext sx={mirrored} />} onClick={() => next !== null && change([...cursors, next])}>
        <Sentence id="next" />
      </Button>
    </Box>
  );
};
