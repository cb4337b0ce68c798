import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { type ReactElement, type ReactNode, useEffect, useRef } from 'react';

import { useSay } from '../words/words';

interface PageProps {
  title: string;
  /** What the title of the browser's tab says first, where that is more than the page's. */
  tab?: string;
  /** Buttons beside the title. */
  actions?: ReactNode;
  /** Pixels; a page of sentences is narrower than one of figures. */
  width?: number;
  children: ReactNode;
}

/** A page: its title, which has the focus after a change of page, and its content. */
export const Page = ({ title, tab, actions, width = 1200, children }: PageProps): ReactElement => {
  const heading = useRef<HTMLHeadingElement>(null);
  const say = useSay();
  useEffect(() => {
    document.title = say('app.titled', { page: tab ?? title });
  });
  useEffect(() => {
    if (visited) heading.current?.focus({ preventScroll: true });
    visited = true;
  }, []);
  return (
    <Box sx={{ maxWidth: width, marginInline: 'auto', padding: { xs: 2, sm: 3 }, display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center', justifyContent: 'space-between' }}>
        <Typography variant="h1" ref={heading} tabIndex={-1} sx={{ '&:focus': { outline: 'none' } }}>
          {title}
        </Typography>
        {actions && <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, alignItems: 'center', '@media print': { display: 'none' } }}>{actions}</Box>}
      </Box>
      {children}
    </Box>
  );
};

/** The first page leaves the focus where the browser puts it. */
let visited = false;
