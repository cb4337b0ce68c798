import Check from '@mui/icons-material/Check';
import HourglassEmpty from '@mui/icons-material/HourglassEmpty';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ReactElement, ReactNode } from 'react';

import { count, share as percentOf } from '../../format/numbers';
import { Count } from '../../format/shown';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { Bar } from './Bar';
import { type Counted, shareOf, type Steps } from './progress';

const names: Record<string, WordId> = {
  orders: 'import.resource.orders',
  customers: 'import.resource.customers',
  products: 'import.resource.products',
};

/** The three steps of an import. */
export const StepList = ({ steps, isComplete = false }: { steps: Steps; isComplete?: boolean }): ReactElement => (
  <Box component="ol" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 2 }}>
    <Step number={1} title="import.step.lists">
      {steps.lists.map((one) => (
        <Row key={one.resource} of={one} />
      ))}
    </Step>
    <Step number={2} title="import.step.details">
      {steps.details && <Row of={steps.details} />}
    </Step>
    <Step number={3} title="import.step.count">
      <Typography variant="body2" sx={{ color: steps.isCounting ? 'text.primary' : 'text.secondary', display: 'flex', gap: 1, alignItems: 'center' }}>
        {steps.isCounting && <HourglassEmpty fontSize="small" color="primary" />}
        {isComplete && <Check fontSize="small" color="success" />}
        <Sentence id={isComplete ? 'import.step.count.done' : steps.isCounting ? 'import.step.count.active' : 'import.step.count.waits'} />
      </Typography>
    </Step>
  </Box>
);

const Step = ({ number, title, children }: { number: number; title: WordId; children: ReactNode }): ReactElement => (
  <Box component="li" sx={{ display: 'grid', gap: 1 }}>
    <Typography variant="h3" component="h2">
      <bdi>{number}</bdi>. <Sentence id={title} />
    </Typography>
    {children}
  </Box>
);

/** Rows of one resource: a bar where their total is known, else their number alone. */
const Row = ({ of }: { of: Counted }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const name = names[of.resource];
  const label = name ? say(name) : of.resource;
  const share = shareOf(of);
  const isDone = share === 1;
  return (
    <Box>
      <Typography variant="body2" sx={{ display: 'flex', justifyContent: 'space-between', gap: 1 }} component="div">
        <Box component="span" sx={{ display: 'inline-flex', gap: 0.5, alignItems: 'center' }}>
          {label}
          {isDone && <Check fontSize="small" color="success" titleAccess={say('import.step.done')} />}
        </Box>
        <span>{of.total === null ? <Count of={of.done} /> : <Sentence id="import.step.of" values={{ done: <Count key="done" of={of.done} />, total: <Count key="total" of={of.total} /> }} />}</span>
      </Typography>
      {share !== undefined && (
        <Bar label={label} share={share} text={`${percentOf(locale, share)}, ${say('import.step.of', { done: count(locale, of.done), total: count(locale, of.total ?? 0) })}`} />
      )}
    </Box>
  );
};
