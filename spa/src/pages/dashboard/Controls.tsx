import FileDownloadOutlined from '@mui/icons-material/FileDownloadOutlined';
import PrintOutlined from '@mui/icons-material/PrintOutlined';
import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import Tooltip from '@mui/material/Tooltip';
import { lazy, type ReactElement, Suspense, useState } from 'react';

import { rangeOf } from '../../format/times';
import { Choice } from '../../shell/Choice';
import { ButtonLink } from '../../shell/links';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import { chosenPeriod, comparisons, type DashboardSearch, daysOf, type Period, periods } from './search';

const CustomDays = lazy(() => import('./CustomDays'));

interface ControlsProps {
  search: DashboardSearch;
  change: (search: Partial<DashboardSearch>) => void;
  /** Currencies that something was sold in. */
  currencies: string[];
  currency: string;
}

/** Which days, compared with what, in which currency. The currencies come later than the page: they are last, in a row that is there already. */
export const Controls = ({ search, change, currencies, currency }: ControlsProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const [isChoosing, setChoosing] = useState(false);
  const days = daysOf(search);
  const period = chosenPeriod(search);
  const choose = (value: Period | 'custom'): void => {
    if (value === 'custom') setChoosing(true);
    else change({ period: value, from: undefined, to: undefined, granularity: undefined });
  };
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, '@media print': { display: 'none' }, '& > :first-of-type': { flexBasis: { xs: '100%', sm: 'auto' } } }}>
      <Choice
        label={say('period.label')}
        shown={period ? say(`period.${period}`) : <bdi>{rangeOf(locale, days.from, days.to)}</bdi>}
        value={period ?? 'custom'}
        options={[...periods, 'custom' as const].map((one) => ({ value: one, shown: say(`period.${one}`) }))}
        choose={choose}
      />
      <Choice
        label={say('compare.label')}
        shown={say(`compare.${search.compare ?? 'previous'}`)}
        value={search.compare ?? 'previous'}
        options={comparisons.map((one) => ({ value: one, shown: say(`compare.${one}`) }))}
        choose={(compare) => change({ compare })}
      />
      {currencies.length > 1 && (
        <Choice
          label={say('currency.label')}
          shown={<bdi dir="ltr">{currency}</bdi>}
          value={currency}
          options={currencies.map((one) => ({ value: one, shown: <bdi dir="ltr">{one}</bdi> }))}
          choose={(one) => change({ currency: one })}
        />
      )}
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
    </Box>
  );
};

/** Out as a file or on paper. */
export const Output = ({ search }: { search: DashboardSearch }): ReactElement => {
  const say = useSay();
  return (
    <>
      <ButtonLink to="/reports" search={{ report: 'sales-trend', ...daysOf(search) }} variant="outlined" startIcon={<FileDownloadOutlined />}>
        <Sentence id="export" />
      </ButtonLink>
      <Tooltip title={say('print')}>
        <IconButton aria-label={say('print')} onClick={() => print()}>
          <PrintOutlined />
        </IconButton>
      </Tooltip>
    </>
  );
};
