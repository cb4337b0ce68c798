import Check from '@mui/icons-material/Check';
import Close from '@mui/icons-material/Close';
import Box from '@mui/material/Box';
import Step from '@mui/material/Step';
import StepLabel from '@mui/material/StepLabel';
import Stepper from '@mui/material/Stepper';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { meQuery } from '../../api/queries';
import { Loaded } from '../../shell/Loaded';
import { Page } from '../../shell/Page';
import { Section } from '../../shell/Section';
import { Sentence, useSay, type WordId } from '../../words/words';
import { ConnectButton } from './ConnectButton';
import { PeriodChoice } from './PeriodChoice';

const steps: WordId[] = ['welcome.step.connect', 'welcome.step.period', 'welcome.step.import'];

/** Connects a store, then asks how far back to read. */
const WelcomePage = (): ReactElement => {
  const say = useSay();
  const me = useQuery(meQuery());
  const isConnected = me.data?.connection?.access === 'working';
  return (
    <Page title={say('welcome.title')} width={760}>
      <Stepper activeStep={isConnected ? 1 : 0} aria-label={say('welcome.steps')}>
        {steps.map((step) => (
          <Step key={step}>
            <StepLabel>
              <Sentence id={step} />
            </StepLabel>
          </Step>
        ))}
      </Stepper>
      <Loaded query={me} height={360}>
        {({ connection }) => (isConnected && connection ? <PeriodChoice storeName={connection.store.name} /> : <Connect />)}
      </Loaded>
    </Page>
  );
};

const Connect = (): ReactElement => {
  const say = useSay();
  return (
    <Section title={say('connect.title')}>
      <Box sx={{ display: 'grid', gap: 2 }}>
        <Typography>
          <Sentence id="connect.text" />
        </Typography>
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr', sm: '1fr 1fr' } }}>
          <Points title="connect.reads" icon={<Check color="success" fontSize="small" />} points={['connect.reads.orders', 'connect.reads.customers', 'connect.reads.carts']} />
          <Points title="connect.never" icon={<Close color="error" fontSize="small" />} points={['connect.never.change', 'connect.never.share']} />
        </Box>
        <ConnectButton>
          <Sentence id="connect.submit" />
        </ConnectButton>
      </Box>
    </Section>
  );
};

const Points = ({ title, icon, points }: { title: WordId; icon: ReactElement; points: WordId[] }): ReactElement => (
  <div>
    <Typography variant="h3">
      <Sentence id={title} />
    </Typography>
    <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 0.5, marginBlockStart: 1 }}>
      {points.map((point) => (
        <Typography key={point} component="li" variant="body2" sx={{ display: 'flex', gap: 1 }}>
          {icon}
          <span>
            <Sentence id={point} />
          </span>
        </Typography>
      ))}
    </Box>
  </div>
);

export default WelcomePage;
