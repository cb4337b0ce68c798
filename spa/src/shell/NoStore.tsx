import Typography from '@mui/material/Typography';
import type { ReactElement } from 'react';

import { Sentence, useSay } from '../words/words';
import { ButtonLink } from './links';
import { Page } from './Page';
import { Section } from './Section';

/** A page of figures where no store is connected. */
export const NoStore = ({ title }: { title: string }): ReactElement => {
  const say = useSay();
  return (
    <Page title={title} width={760}>
      <Section title={say('noStore.title')}>
        <Typography sx={{ marginBlockEnd: 2 }}>
          <Sentence id="noStore.text" />
        </Typography>
        <ButtonLink to="/welcome" variant="contained">
          <Sentence id="noStore.action" />
        </ButtonLink>
      </Section>
    </Page>
  );
};
