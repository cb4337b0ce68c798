import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import type { ReactElement, ReactNode } from 'react';

import { Page } from './Page';
import { changeLanguage } from './language';
import { useLocale } from '../words/locale';
import { Sentence } from '../words/words';

/** A page for somebody who is not logged in: one card, with the other language above. */
export const Outside = ({ title, children }: { title: string; children: ReactNode }): ReactElement => (
  <Box component="main" sx={{ minHeight: '100dvh', display: 'grid', alignContent: 'start', justifyItems: 'center', paddingBlock: { xs: 2, sm: 6 } }}>
    <Box sx={{ width: '100%', maxWidth: 480 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', justifyContent: 'space-between', paddingInline: { xs: 2, sm: 3 } }}>
        <Typography component="p" variant="h4" sx={{ color: 'primary.main' }}>
          <Sentence id="app.name" />
        </Typography>
        <OtherLanguage />
      </Box>
      <Typography sx={{ color: 'text.secondary', paddingInline: { xs: 2, sm: 3 } }}>
        <Sentence id="app.what" />
      </Typography>
      <Paper sx={{ marginInline: { xs: 2, sm: 3 }, marginBlockStart: 2 }}>
        <Page title={title}>{children}</Page>
      </Paper>
    </Box>
  </Box>
);

const OtherLanguage = (): ReactElement => {
  const other = useLocale() === 'ar' ? 'en' : 'ar';
  return (
    <Button lang={other} onClick={() => changeLanguage(other)}>
      <Sentence id="language.other" />
    </Button>
  );
};
