import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';

import { getSummary } from '../../api/generated/client';
import { Day, RoundMoney } from '../../format/shown';
import { calendarDay } from '../../format/times';
import { Sentence } from '../../words/words';
import { inCurrency } from './currencies';

const KEY = 'qafila.lastVisit';
/** A visit that ended less than this ago (ms) is still the same one. */
const SAME_VISIT = 6 * 3_600_000;

/** The day of the last visit, if that was another day; this one is noted. */
const takeLastVisit = (): string | undefined => {
  const now = new Date();
  const last = Number(localStorage.getItem(KEY) ?? 0);
  if (now.getTime() - last < SAME_VISIT) return undefined;
  localStorage.setItem(KEY, String(now.getTime()));
  const day = last === 0 ? undefined : calendarDay(new Date(last));
  return day === calendarDay(now) ? undefined : day;
};

/** What came in since somebody looked last, in one sentence. */
export const SinceLastVisit = ({ currency }: { currency: string }): ReactElement | null => {
  const [day] = useState(takeLastVisit);
  const today = calendarDay(new Date());
  const { data } = useQuery({
    queryKey: ['report', 'since', day],
    queryFn: ({ signal }) => getSummary({ from: day, to: today }, { signal }),
    enabled: day !== undefined,
    staleTime: Infinity,
  });
  const figures = data && inCurrency(data.figures, currency);
  if (figures === undefined || day === undefined) return null;
  return (
    <Typography>
      <Sentence id="since.sentence" values={{ n: figures.orders, day: <Day key="day" of={day} />, sales: <RoundMoney key="sales" of={figures.sales} /> }} />
    </Typography>
  );
};
