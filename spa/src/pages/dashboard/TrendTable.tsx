import Table from '@mui/material/Table';
import TableBody from '@mui/material/TableBody';
import TableCell from '@mui/material/TableCell';
import TableHead from '@mui/material/TableHead';
import TableRow from '@mui/material/TableRow';
import type { ReactElement } from 'react';

import type { PointBody } from '../../api/generated/client.schemas';
import { Count, Day, Money } from '../../format/shown';
import { Sentence } from '../../words/words';
import { isBeforeImport } from './completeness';

/** The points of a trend as rows. */
export interface TrendRows {
  points: PointBody[];
  /** The first day of the period: the first week or month may begin before it. */
  from: string;
  granularity: string;
  /** The first day that was imported; null where it is not known. */
  readFrom: string | null;
}

const TrendTable = ({ points, from, granularity, readFrom }: TrendRows): ReactElement => (
  <Table size="small" sx={{ '& td, & th': { whiteSpace: 'nowrap', paddingInline: { xs: 0.5, sm: 2 } } }}>
    <TableHead>
      <TableRow>
        <TableCell>
          <Sentence id={granularity === 'day' ? 'granularity.day' : 'trend.table.day'} />
        </TableCell>
        <TableCell align="right">
          <Sentence id="trend.table.sales" />
        </TableCell>
        <TableCell align="right">
          <Sentence id="trend.table.orders" />
        </TableCell>
      </TableRow>
    </TableHead>
    <TableBody>
      {points.map((point) => (
        <TableRow key={point.from}>
          <TableCell>
            <Day of={point.from < from ? from : point.from} />
          </TableCell>
          <TableCell align="right">
            {isBeforeImport(point.from, readFrom) ? <Sentence id="none" /> : <Money of={point.figures.sales} />}
          </TableCell>
          <TableCell align="right">
            {isBeforeImport(point.from, readFrom) ? <Sentence id="none" /> : <Count of={point.figures.orders} />}
          </TableCell>
        </TableRow>
      ))}
    </TableBody>
  </Table>
);

export default TrendTable;
