import FileDownloadOutlined from '@mui/icons-material/FileDownloadOutlined';
import PrintOutlined from '@mui/icons-material/PrintOutlined';
import IconButton from '@mui/material/IconButton';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Tooltip from '@mui/material/Tooltip';
import { lazy, type ReactElement, Suspense, useState } from 'react';

import { rangeOf } from '../../format/times';
import { ButtonLink } from '../../shell/links';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import { chosenPeriod, type Comparison, comparisons, type DashboardSearch, daysOf, type Period, periods } from './search';

const CustomDays = lazy(() => import('./CustomDays'));

interface ControlsProps {
  search: DashboardSearch;
  change: (search: Partial<DashboardSearch>) => void;
  /** Currencies that something was sold in. */
  currencies: string[];
  currency: string;
}

/** Which days, compared with what, in which currency; and out as a file or on paper. */
export const Controls = ({ search, change, currencies, currency }: ControlsProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const [isChoosing, setChoosing] = useState(false);
  const days = daysOf(search);
  const period = chosenPeriod(search);
  const choose = (value: string): void => {
    if (value === 'custom') setChoosing(true);
    else change({ period: value as Period, from: undefined, to: undefined, granularity: undefined });
  };
  return (
    <>
      <TextField select size="small" fullWidth={false} label={say('period.label')} value={period ?? 'custom'} onChange={(event) => choose(event.target.value)} slotProps={{ select: { renderValue: () => (period ? say(`period.${period}`) : <bdi>{rangeOf(locale, days.from, days.to)}</bdi>) } }}>
        {periods.map((one) => (
          <MenuItem key={one} value={one}>
            {say(`period.${one}`)}
          </MenuItem>
        ))}
        <MenuItem value="custom" onClick={() => setChoosing(true)}>
          {say('period.custom')}
        </MenuItem>
      </TextField>
      <TextField select size="small" fullWidth={false} label={say('compare.label')} value={search.compare ?? 'previous'} onChange={(event) => change({ compare: event.target.value as Comparison })}>
        {comparisons.map((one) => (
          <MenuItem key={one} value={one}>
            {say(`compare.${one}`)}
          </MenuItem>
        ))}
      </TextField>
      {currencies.length > 1 && (
        <TextField select size="small" fullWidth={false} label={say('currency.label')} value={currency} onChange={(event) => change({ currency: event.target.value })}>
          {currencies.map((one) => (
            <MenuItem key={one} value={one}>
              <bdi dir="ltr">{one}</bdi>
            </MenuItem>
          ))}
        </TextField>
      )}
      <ButtonLink to="/reports" search={{ report: 'sales-trend', ...days }} variant="outlined" startIcon={<FileDownloadOutlined />}>
        <Sentence id="export" />
      </ButtonLink>
      <Tooltip title={say('print')}>
        <IconButton aria-label={say('print')} onClick={() => print()}>
          <PrintOutlined />
        </IconButton>
      </Tooltip>
      {isChoosing && (
        <Suspense>
          <CustomDays
            days={days}
            close={() => setChoosing(false)}
            choose={(chosen) => {
              setChoosing(false);
              change({ ...chosen, period: undefined, granularity: undefined });
            }}
          />
        </Suspense>
      )}
    </>
  );
};
