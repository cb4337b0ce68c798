import Box from '@mui/material/Box';
import { Fragment, type ReactElement } from 'react';

import { hourOf, weekday } from '../format/times';
import { useLocale } from '../words/locale';

/** A value of one hour of one day of the week. */
export interface HeatCell {
  /** 0 is Sunday. */
  weekday: number;
  hour: number;
  value: number;
  /** The value in words. */
  shown: string;
}

const days = [0, 1, 2, 3, 4, 5, 6];
const hours = Array.from({ length: 24 }, (_, hour) => hour);
/** Hours that are named; the others would not fit. */
const NAMED = 6;

/** Days of the week by hours of the day: the darker, the more. */
export const HeatMap = ({ label, cells }: { label: string; cells: HeatCell[] }): ReactElement => {
  const locale = useLocale();
  const largest = Math.max(1, ...cells.map((cell) => cell.value));
  const find = (day: number, hour: number): HeatCell | undefined => cells.find((cell) => cell.weekday === day && cell.hour === hour);
  return (
    <Box component="table" aria-label={label} sx={{ width: '100%', borderCollapse: 'separate', borderSpacing: '2px', tableLayout: 'fixed', fontSize: '.75rem' }}>
      <thead>
        <tr>
          <Box component="td" sx={{ width: 88 }} />
          {hours.map((hour) => (
            <Fragment key={hour}>
              {hour % NAMED === 0 && (
                <Box component="th" scope="colgroup" colSpan={NAMED} sx={{ fontWeight: 400, textAlign: 'start', color: 'text.secondary' }}>
                  {hourOf(locale, hour)}
                </Box>
              )}
            </Fragment>
          ))}
        </tr>
      </thead>
      <tbody>
        {days.map((day) => (
          <tr key={day}>
            <Box component="th" scope="row" sx={{ fontWeight: 400, textAlign: 'start', color: 'text.secondary' }}>
              {weekday(locale, day)}
            </Box>
            {hours.map((hour) => {
              const cell = find(day, hour);
              const strength = (cell?.value ?? 0) / largest;
              return (
                <Box
                  key={hour}
                  component="td"
                  title={`${weekday(locale, day)} ${hourOf(locale, hour)}: ${cell?.shown ?? '0'}`}
                  sx={{ height: { xs: 22, md: 38 }, borderRadius: 0.5, position: 'relative', backgroundColor: 'divider', overflow: 'hidden', padding: 0 }}
                >
                  <Box component="span" sx={{ position: 'absolute', inset: 0, backgroundColor: 'primary.main' }} style={{ opacity: strength }} />
                  <Box component="span" sx={{ position: 'absolute', clipPath: 'inset(50%)', width: '1px', height: '1px', overflow: 'hidden' }}>
                    {cell?.shown ?? '0'}
                  </Box>
                </Box>
              );
            })}
          </tr>
        ))}
      </tbody>
    </Box>
  );
};
