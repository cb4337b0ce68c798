import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { ConnectedBody } from '../../api/generated/client.schemas';
import type { ProblemParams } from '../../api/problem';
import { Name } from '../../format/shown';
import { forgetSecrets } from '../../session/addressSecrets';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Page } from '../../shell/Page';
import { problemText } from '../../shell/problemText';
import { Section } from '../../shell/Section';
import { Sentence, useSay } from '../../words/words';

/** Asks whether the store that was approved takes the place of the one that is connected: until then nothing is changed. */
export const OtherStore = ({ names, confirm, onConnected }: { names: ProblemParams; confirm: () => Promise<ConnectedBody>; onConnected: (connected: ConnectedBody) => Promise<void> }): ReactElement => {
  const say = useSay();
  const confirming = useMutation({ mutationFn: confirm, onSuccess: onConnected });
  const values = { current: <Name key="current">{String(names.current)}</Name>, next: <Name key="next">{String(names.new)}</Name> };
  return (
    <Page title={say('callback.other.title')} width={640}>
      <Section>
        <Typography>
          <Sentence id="callback.other.text" values={values} />
        </Typography>
        <Typography component="ul" sx={{ marginBlock: 2, paddingInlineStart: 3 }}>
          <li>
            <Sentence id="callback.other.stops" values={values} />
          </li>
          <li>
            <Sentence id="callback.other.stays" />
          </li>
          <li>
            <Sentence id="callback.other.import" values={values} />
          </li>
        </Typography>
        {confirming.isError && (
          <Alert severity="error" variant="outlined" role="alert" sx={{ marginBlockEnd: 2 }}>
            {problemText(confirming.error, say)}
          </Alert>
        )}
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          <BusyButton variant="contained" isBusy={confirming.isPending || confirming.isSuccess} onClick={() => confirming.mutate()}>
            <Sentence id="callback.other.submit" values={values} />
          </BusyButton>
          <ButtonLink to="/connection" variant="outlined" onClick={forgetSecrets}>
            <Sentence id="callback.other.keep" values={values} />
          </ButtonLink>
        </Box>
      </Section>
    </Page>
  );
};
