import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { type ReactElement, useEffect, useState } from 'react';

import type { SyncStatusBody } from '../../api/generated/client.schemas';
import { Count } from '../../format/shown';
import { count, flooredPercent } from '../../format/numbers';
import { duration, roundTimeLeft } from '../../format/timeLeft';
import { useLocale } from '../../words/locale';
import { Sentence, type Say, useSay } from '../../words/words';
import { Bar } from './Bar';
import { grownTotal, type Steps } from './progress';

/** A turn that takes longer (ms) is said to be waited for. */
const TURN = 10_000;
/** Screen readers hear of every tenth percent. */
const SPOKEN = 10;

interface OverallProps {
  status: SyncStatusBody;
  steps: Steps;
  before: Steps | undefined;
  isSilent: boolean;
}

/** The whole import in one number, rounded down, with what is left. */
export const Overall = ({ status, steps, before, isSilent }: OverallProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const percent = flooredPercent(locale, status.progressPercentage);
  const total = grownTotal(before, steps);
  return (
    <Box>
      <Typography component="p" sx={{ fontSize: '2.5rem', fontWeight: 600, lineHeight: 1.4 }}>
        <bdi>{percent}</bdi>
      </Typography>
      <Bar label={say('import.progress')} text={percent} share={status.progressPercentage / 100} isQuiet={isSilent || status.status === 'paused'} isLarge />
      <Typography variant="body2" sx={{ color: 'text.secondary', marginBlockStart: 1, minHeight: 24 }}>
        <Standing status={status} />
      </Typography>
      {total !== undefined && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          <Sentence id="import.fell" values={{ total: <Count key="total" of={total} /> }} />
        </Typography>
      )}
      <Spoken percent={status.progressPercentage} />
    </Box>
  );
};

/** How long it still takes, and who sets the pace. */
const Standing = ({ status }: { status: SyncStatusBody }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const isLate = useIsLate(status.status === 'requested');
  if (status.status === 'requested') return <>{say(isLate ? 'import.waiting' : 'import.starting')}</>;
  const left = status.etaSeconds === null ? null : timeLeft(say, locale, status.etaSeconds);
  const rate = status.ratePerMinute === null || status.ratePerMinute < 1 ? null : say('import.rate', { rate: count(locale, Math.round(status.ratePerMinute)) });
  return <>{[left, rate].filter(Boolean).join(' · ')}</>;
};

const timeLeft = (say: Say, locale: 'ar' | 'en', seconds: number): string => {
  const { minutes } = roundTimeLeft(seconds);
  return minutes === 0 ? say('import.left.soon') : say('import.left', { time: duration(locale, minutes) });
};

const useIsLate = (isWaiting: boolean): boolean => {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isWaiting) return setLate(false);
    const timer = setTimeout(() => setLate(true), TURN);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isLate;
};

/** What a screen reader hears: every tenth percent and not every poll. */
const Spoken = ({ percent }: { percent: number }): ReactElement => {
  const locale = useLocale();
  return (
    <Box role="status" sx={{ position: 'absolute', width: '1px', height: '1px', overflow: 'hidden', clipPath: 'inset(50%)' }}>
      {flooredPercent(locale, Math.floor(percent / SPOKEN) * SPOKEN)}
    </Box>
  );
};
