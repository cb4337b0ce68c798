import Typography from '@mui/material/Typography';
import type { ReactElement } from 'react';

import { Sentence, useSay } from '../words/words';
import { ButtonLink } from './links';
import { Outside } from './Outside';

/** No page has this address. */
export const NotFound = (): ReactElement => {
  const say = useSay();
  return (
    <Outside title={say('page.notFound')}>
      <Typography>
        <Sentence id="notFound.text" />
      </Typography>
      <ButtonLink to="/" variant="contained">
        <Sentence id="notFound.home" />
      </ButtonLink>
    </Outside>
  );
};
