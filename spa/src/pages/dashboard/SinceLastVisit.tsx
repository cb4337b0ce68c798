import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useEffect, useState } from 'react';

import { getSummary } from '../../api/generated/client';
import { Day, RoundMoney } from '../../format/shown';
import { calendarDay } from '../../format/times';
import { useSession } from '../../session/current';
import { Sentence } from '../../words/words';
import { inCurrency } from './currencies';
import { FRESH } from './reports';
import { dayOfLastVisit, noteVisit } from './visits';

/** What came in since somebody looked last, in one sentence. */
export const SinceLastVisit = ({ currency }: { currency: string }): ReactElement | null => {
  const session = useSession();
  const userId = session.kind === 'in' ? session.held.userId : '';
  const [day] = useState(() => dayOfLastVisit(userId));
  const today = calendarDay(new Date());
  const { data } = useQuery({
    queryKey: ['report', 'since', day, today],
    queryFn: ({ signal }) => getSummary({ from: day, to: today }, { signal }),
    enabled: day !== undefined,
    staleTime: FRESH,
  });
  const isTold = day === undefined || data !== undefined;
  useEffect(() => {
    if (isTold && userId !== '') noteVisit(userId);
  }, [isTold, userId]);
  const figures = data && inCurrency(data.figures, currency);
  if (figures === undefined || day === undefined) return null;
  return (
    <Typography>
      <Sentence id="since.sentence" values={{ n: figures.orders, day: <Day key="day" of={day} />, sales: <RoundMoney key="sales" of={figures.sales} /> }} />
    </Typography>
  );
};
