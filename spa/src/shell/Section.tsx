import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import type { SxProps } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import { type ReactElement, type ReactNode, useId } from 'react';

interface SectionProps {
  title?: string;
  /** What stands beside the title. */
  aside?: ReactNode;
  sx?: SxProps;
  children: ReactNode;
}

/** A card. */
export const Section = ({ title, aside, sx, children }: SectionProps): ReactElement => {
  const id = useId();
  return (
    <Paper component="section" aria-labelledby={title ? id : undefined} sx={{ padding: { xs: 2, sm: 2 }, minWidth: 0, breakInside: 'avoid', ...sx } as SxProps}>
      {title && (
        <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', alignItems: 'center', justifyContent: 'space-between', marginBlockEnd: 1, minHeight: 40 }}>
          <Typography variant="h2" id={id}>
            {title}
          </Typography>
          {aside}
        </Box>
      )}
      {children}
    </Paper>
  );
};
