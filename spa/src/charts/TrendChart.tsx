import Box from '@mui/material/Box';
import { type Theme, useTheme } from '@mui/material/styles';
import { ChartsReferenceLine } from '@mui/x-charts/ChartsReferenceLine';
import { LineChart } from '@mui/x-charts/LineChart';
import type { ReactElement } from 'react';

import type { Granularity } from '../pages/dashboard/search';
import { compact } from '../format/numbers';
import { dayOf, monthOf, shortDayOf } from '../format/times';
import { useLocale } from '../words/locale';
import { useSay } from '../words/words';
import { levelsOf } from './levels';
import type { TrendLines } from './trend';

/** A chart of at least so many pixels is not a phone's. */
const TALL = 300;
/** Of a chart's width, what a name above a line takes. */
const SHARE = { phone: 0.36, desktop: 0.15 };
/** Pixels between names above each other. */
const LEVEL = 16;
/** Pixels between a name and its line. */
const GAP = 4;

/** A day that is marked. */
export interface Mark {
  day: string;
  name: string;
  /** The smaller, the more important. */
  rank: number;
}

interface TrendChartProps {
  title: string;
  lines: TrendLines;
  granularity: Granularity;
  marks: Mark[];
  /** What the days before are called. */
  previousName: string;
  /** A value in words. */
  show: (value: number) => string;
  height: number;
}

/** Whether a name that follows its line in reading direction would leave the chart: then it stands before it. */
const isAtEnd = (place: number, isArabic: boolean): boolean => (isArabic ? place < 0.2 : place > 0.8);

/** A trend: solid where nothing is missing, dashed where it may grow, dotted for the days before. Time runs from left to right in both languages. */
const TrendChart = ({ title, lines, granularity, marks, previousName, show, height }: TrendChartProps): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const theme = useTheme<Theme>();
  // Variables of both schemes: a colour by its value would stay light in the dark.
  const { palette } = theme.vars ?? theme;
  const line = { curve: 'linear', showMark: false, connectNulls: false } as const;
  const valueFormatter = (value: number | null): string | null => (value === null ? null : show(value));
  const tick = granularity === 'month' ? monthOf : shortDayOf;
  const hasPrevious = lines.previous.some((value) => value !== null);
  const hasGrowing = lines.growing.some((value) => value !== null);
  const isArabic = locale === 'ar';
  const placed = marks.map((mark) => ({ ...mark, place: lines.days.indexOf(mark.day) / Math.max(1, lines.days.length - 1) }));
  const levels = levelsOf(placed, height < TALL ? SHARE.phone : SHARE.desktop);
  return (
    <Box role="figure" aria-label={title} sx={{ minWidth: 200 }}>
      <LineChart
        height={height}
        skipAnimation
        margin={{ top: 16, bottom: 8, left: isArabic ? 40 : 12, right: isArabic ? 12 : 40 }}
        grid={{ horizontal: true }}
        xAxis={[
          {
            id: 'days',
            data: lines.days,
            scaleType: 'point',
            height: 34,
            valueFormatter: (day: string, { location }) => (location === 'tick' ? tick(locale, day) : dayOf(locale, day)),
            tickLabelStyle: { fontSize: 12 },
          },
        ]}
        yAxis={[{ min: 0, width: 64, position: isArabic ? 'right' : 'left', valueFormatter: (value: number) => compact(locale, value) }]}
        series={[
          { ...line, id: 'complete', label: say('trend.this'), data: lines.complete, color: palette.primary.main, area: true, valueFormatter },
          ...(hasGrowing
            ? [{ ...line, id: 'growing', label: say('trend.growing'), data: lines.growing, color: palette.primary.main, valueFormatter }]
            : []),
          ...(hasPrevious
            ? [{ ...line, id: 'previous', label: previousName, data: lines.previous, color: palette.text.secondary, valueFormatter }]
            : []),
        ]}
        sx={{
          '& [data-series="growing"]': { strokeDasharray: '6 5' },
          '& [data-series="previous"]': { strokeDasharray: '2 4' },
          '& .MuiLineChart-area': { fillOpacity: 0.12 },
          '& .MuiLineChart-line': { strokeWidth: 2 },
          '& .MuiChartsAxis-tickLabel': { fontFamily: 'inherit' },
        }}
      >
        {placed.map((mark, index) => {
          const level = levels[index];
          const isBefore = isAtEnd(mark.place, isArabic);
          const isLeftOfLine = isBefore !== isArabic;
          return (
            <ChartsReferenceLine
              key={mark.day + mark.name}
              axisId="days"
              x={mark.day}
              label={level === undefined ? '' : mark.name}
              labelAlign="start"
              spacing={{ x: isLeftOfLine ? -GAP : GAP, y: GAP + LEVEL * (level ?? 0) }}
              lineStyle={{ strokeDasharray: '1 3', stroke: palette.secondary.main }}
              labelStyle={{ fontSize: 12, fill: palette.secondary.main, fontFamily: 'inherit', textAnchor: isBefore ? 'end' : 'start' }}
            />
          );
        })}
      </LineChart>
    </Box>
  );
};

export default TrendChart;
