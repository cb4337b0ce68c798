import Alert from '@mui/material/Alert';
import Typography from '@mui/material/Typography';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { SummaryBody } from '../../api/generated/client.schemas';
import { calendarDay, rangeOf } from '../../format/times';
import { Day, Moment } from '../../format/shown';
import { useLocale } from '../../words/locale';
import { Sentence } from '../../words/words';
import { isBeforeImport, isPartial } from './completeness';

/** Of which days and of what time the figures are, and how far nothing is missing. */
export const AsOf = ({ query }: { query: UseQueryResult<SummaryBody> }): ReactElement => {
  const locale = useLocale();
  const { data } = query;
  return (
    <div>
      <Typography variant="body2" sx={{ color: 'text.secondary', minHeight: { xs: 45, sm: 24 } }}>
        {data && (
          <>
            <bdi>{rangeOf(locale, data.window.from, data.window.to)}</bdi>
            {' · '}
            <Standing asOf={data.asOf} completeTo={data.completeTo} />
            {data.completeFrom !== null && isBeforeImport(data.window.from, data.completeFrom) && (
              <>
                {' · '}
                <Sentence id="figures.from" values={{ day: <Day key="from" of={calendarDay(new Date(data.completeFrom))} /> }} />
              </>
            )}
          </>
        )}
      </Typography>
      {data && isPartial(data) && (
        <Alert severity="info" variant="outlined" sx={{ marginBlockStart: 1 }}>
          {data.completeTo === null ? (
            <Sentence id="figures.unknown" />
          ) : (
            <Sentence id="figures.partial" values={{ moment: <Moment key="moment" at={data.completeTo} /> }} />
          )}
        </Alert>
      )}
    </div>
  );
};

const Standing = ({ asOf, completeTo }: { asOf: string | null; completeTo: string | null }): ReactElement => {
  if (asOf === null) return <Sentence id="figures.noData" />;
  const moment = <Moment key="asOf" at={asOf} />;
  if (completeTo === null) return <Sentence id="figures.asOf" values={{ asOf: moment }} />;
  return <Sentence id="figures.completeTo" values={{ asOf: moment, complete: <Moment key="complete" at={completeTo} /> }} />;
};
