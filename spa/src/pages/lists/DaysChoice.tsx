import Button from '@mui/material/Button';
import CalendarMonthOutlined from '@mui/icons-material/CalendarMonthOutlined';
import { lazy, type ReactElement, Suspense, useState } from 'react';

import { addDays, calendarDay, rangeOf } from '../../format/times';
import { useLocale } from '../../words/locale';
import { useSay } from '../../words/words';
import type { ListSearch } from './search';

const CustomDays = lazy(() => import('../dashboard/CustomDays'));

/** The days that rows are of. */
export const DaysChoice = ({ search, change }: { search: ListSearch; change: (changed: Partial<ListSearch>) => void }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const [isOpen, setOpen] = useState(false);
  const { from, to } = search;
  const today = calendarDay(new Date());
  return (
    <>
      <Button variant="outlined" startIcon={<CalendarMonthOutlined />} onClick={() => setOpen(true)}>
        {from !== undefined && to !== undefined ? <bdi>{rangeOf(locale, from, to)}</bdi> : say('lists.filter.days')}
      </Button>
      {isOpen && (
        <Suspense>
          <CustomDays
            days={{ from: from ?? addDays(today, -29), to: to ?? today }}
            close={() => setOpen(false)}
            choose={(days) => {
              setOpen(false);
              change(days);
            }}
          />
        </Suspense>
      )}
    </>
  );
};
