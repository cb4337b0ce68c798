import Typography from '@mui/material/Typography';
import type { ReactElement } from 'react';

import { Sentence, useSay } from '../words/words';
import { ButtonLink } from './links';
import { Outside } from './Outside';
import { Page } from './Page';

/** No page has this address; outside the frame of a merchant's pages. */
export const NotFound = (): ReactElement => {
  const say = useSay();
  return (
    <Outside title={say('page.notFound')}>
      <WayHome />
    </Outside>
  );
};

/** The same, within the frame. */
export const UnknownPage = (): ReactElement => {
  const say = useSay();
  return (
    <Page title={say('page.notFound')}>
      <WayHome />
    </Page>
  );
};

const WayHome = (): ReactElement => (
  <>
    <Typography>
      <Sentence id="notFound.text" />
    </Typography>
    <div>
      <ButtonLink to="/" variant="contained">
        <Sentence id="notFound.home" />
      </ButtonLink>
    </div>
  </>
);
