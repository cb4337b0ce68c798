import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Typography from '@mui/material/Typography';
import useMediaQuery from '@mui/material/useMediaQuery';
import { AdapterDayjs } from '@mui/x-date-pickers/AdapterDayjs';
import { DateCalendar } from '@mui/x-date-pickers/DateCalendar';
import { LocalizationProvider } from '@mui/x-date-pickers/LocalizationProvider';
import dayjs, { type Dayjs } from 'dayjs';
import 'dayjs/locale/ar-sa';
import { type ReactElement, useId, useState } from 'react';

import { calendarDay, rangeOf } from '../../format/times';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import type { Days } from './search';

interface CustomDaysProps {
  days: Days;
  choose: (days: Days) => void;
  close: () => void;
}

/** Earlier days hold nothing: Salla is not that old. */
const FIRST = '2016-01-01';

const dayOf = (value: Dayjs | null, otherwise: string): string => value?.format('YYYY-MM-DD').replace(/[^\d-]/g, '') ?? otherwise;

/** Days of one's own: two calendars, the week from Sunday. */
const CustomDays = ({ days, choose, close }: CustomDaysProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const title = useId();
  const isPhone = useMediaQuery('(max-width: 699px)');
  const [from, setFrom] = useState(days.from);
  const [to, setTo] = useState(days.to);
  const today = calendarDay(new Date());
  const [first, last] = from <= to ? [from, to] : [to, from];
  const calendar = (label: string, value: string, set: (day: string) => void): ReactElement => (
    <div role="group" aria-label={label}>
      <Typography variant="h3" component="p" sx={{ paddingInline: 3 }}>
        {label}
      </Typography>
      <DateCalendar disableHighlightToday value={dayjs(value)} minDate={dayjs(FIRST)} maxDate={dayjs(today)} onChange={(chosen) => set(dayOf(chosen as Dayjs | null, value))} />
    </div>
  );
  return (
    <LocalizationProvider
      dateAdapter={AdapterDayjs}
      adapterLocale={locale === 'ar' ? 'ar-sa' : 'en'}
      localeText={{
        previousMonth: say('calendar.previous'),
        nextMonth: say('calendar.next'),
        calendarViewSwitchingButtonAriaLabel: (view) => say(view === 'year' ? 'calendar.days' : 'calendar.years'),
      }}
    >
      <Dialog open onClose={close} maxWidth="md" fullScreen={isPhone} aria-labelledby={title}>
        <DialogTitle id={title}>{say('period.label')}</DialogTitle>
        <DialogContent sx={{ paddingInline: { xs: 0, sm: 3 } }}>
          <Box sx={{ display: 'flex', flexWrap: 'wrap', justifyContent: 'center' }}>
            {calendar(say('period.from'), from, setFrom)}
            {calendar(say('period.to'), to, setTo)}
          </Box>
          <Typography sx={{ textAlign: 'center' }}>
            <bdi>{rangeOf(locale, first, last)}</bdi>
          </Typography>
        </DialogContent>
        <DialogActions>
          <Button onClick={close}>
            <Sentence id="cancel" />
          </Button>
          <Button variant="contained" onClick={() => choose({ from: first, to: last })}>
            <Sentence id="period.apply" />
          </Button>
        </DialogActions>
      </Dialog>
    </LocalizationProvider>
  );
};

export default CustomDays;
