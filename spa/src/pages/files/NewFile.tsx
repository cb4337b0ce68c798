import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import Chip from '@mui/material/Chip';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import FormControlLabel from '@mui/material/FormControlLabel';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useId, useMemo, useState } from 'react';

import { requestExport } from '../../api/generated/client';
import { ExportFormat, ExportReport } from '../../api/generated/client.schemas';
import { commandKey } from '../../api/commandKey';
import { readUntil } from '../../api/readUntil';
import { BusyButton } from '../../shell/BusyButton';
import { problemText } from '../../shell/problemText';
import { toast } from '../../shell/toasts';
import { useIsHere } from '../../shell/useIsHere';
import { Sentence, useSay } from '../../words/words';
import { daysOf, type Period, periods } from '../dashboard/search';
import { useKnownStatusName } from '../lists/useStatusName';
import { newestExports, ofStatus } from './exports';
import type { FilesSearch } from './search';

interface NewFileProps {
  wanted: FilesSearch & { report: ExportReport };
  close: () => void;
}

/** Reports that are of days; the others hold all that is known. */
const ofDays: ExportReport[] = ['sales-trend', 'order-status', 'top-products', 'orders', 'order-items', 'carts'];
/** Reports in which people are named. */
const ofPeople: ExportReport[] = ['orders', 'order-items', 'customers', 'carts'];

/** Asks for a file; a second press asks for the same one. */
export const NewFile = ({ wanted, close }: NewFileProps): ReactElement => {
  const say = useSay();
  const title = useId();
  const client = useQueryClient();
  const isHere = useIsHere();
  const statusName = useKnownStatusName();
  const [report, setReport] = useState<ExportReport>(wanted.report);
  const [format, setFormat] = useState<ExportFormat>('xlsx');
  const [period, setPeriod] = useState<Period | 'asked' | 'all'>(wanted.from ? 'asked' : wanted.isOfAllDays ? 'all' : '12m');
  const [status, setStatus] = useState(wanted.status);
  const [customerId, setCustomerId] = useState(wanted.customerId);
  const [hasPeople, setPeople] = useState(true);
  const [isMailed, setMailed] = useState(true);
  const days = period === 'all' ? {} : period === 'asked' ? { from: wanted.from ?? '', to: wanted.to ?? '' } : daysOf({ period });
  // The same wishes are the same file, however often it is pressed.
  // A status of products is none of orders.
  const statusesOf = ofStatus[report] === ofStatus[wanted.report] ? ofStatus[report] : undefined;
  const filters = {
    ...(ofDays.includes(report) ? days : {}),
    ...(statusesOf && status !== undefined ? { status } : {}),
    ...(report === 'orders' && customerId !== undefined ? { customerId } : {}),
  };
  const isWider =
    (wanted.isWider === true && report === wanted.report) || (status !== undefined && filters.status === undefined) || (customerId !== undefined && filters.customerId === undefined);
  const wishes = JSON.stringify([report, format, filters, hasPeople, isMailed]);
  const { key } = useMemo(() => ({ of: wishes, key: commandKey() }), [wishes]);
  const asking = useMutation({
    mutationFn: () =>
      requestExport(
        {
          reportType: report,
          format,
          mail: isMailed,
          ...(Object.keys(filters).length > 0 ? { filters } : {}),
          ...(ofPeople.includes(report) ? { personalData: hasPeople } : {}),
        },
        { headers: { 'idempotency-key': key } },
      ),
    onSuccess: async ({ jobId }) => {
      if (isHere()) close();
      toast(say('files.accepted'));
      await readUntil(client, newestExports, ({ items }) => items.some((file) => file.jobId === jobId));
      await client.invalidateQueries({ queryKey: ['exports'] });
    },
  });
  return (
    <Dialog open onClose={close} fullWidth maxWidth="sm" aria-labelledby={title}>
      <DialogTitle id={title}>
        <Sentence id="files.new" />
      </DialogTitle>
      <DialogContent sx={{ display: 'grid', gap: 2 }}>
        <TextField select sx={{ marginBlockStart: 1 }} label={say('files.report')} value={report} onChange={(event) => setReport(event.target.value as ExportReport)}>
          {Object.values(ExportReport).map((one) => (
            <MenuItem key={one} value={one}>
              {say(`files.report.${one}`)}
            </MenuItem>
          ))}
        </TextField>
        <TextField select label={say('files.format')} value={format} helperText={say(`files.format.${format}`)} onChange={(event) => setFormat(event.target.value as ExportFormat)}>
          {Object.values(ExportFormat).map((one) => (
            <MenuItem key={one} value={one}>
              <bdi dir="ltr">{one.toUpperCase()}</bdi>
            </MenuItem>
          ))}
        </TextField>
        {ofDays.includes(report) && (
          <TextField select label={say('period.label')} value={period} onChange={(event) => setPeriod(event.target.value as Period)}>
            {wanted.from && <MenuItem value="asked">{say('files.period.asked')}</MenuItem>}
            <MenuItem value="all">{say('files.period.all')}</MenuItem>
            {periods.map((one) => (
              <MenuItem key={one} value={one}>
                {say(`period.${one}`)}
              </MenuItem>
            ))}
          </TextField>
        )}
        {(filters.status !== undefined || filters.customerId !== undefined) && (
          <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
            {statusesOf && status !== undefined && (
              <Chip label={<bdi>{say('files.only.status', { status: statusName(statusesOf, status) })}</bdi>} onDelete={() => setStatus(undefined)} />
            )}
            {filters.customerId !== undefined && <Chip label={say('files.only.customer')} onDelete={() => setCustomerId(undefined)} />}
          </Box>
        )}
        {isWider && (
          <Alert severity="info" variant="outlined">
            <Sentence id="files.wider" />
          </Alert>
        )}
        {ofPeople.includes(report) && (
          <FormControlLabel control={<Checkbox checked={hasPeople} onChange={(_event, checked) => setPeople(checked)} />} label={say('files.people')} />
        )}
        <FormControlLabel control={<Checkbox checked={isMailed} onChange={(_event, checked) => setMailed(checked)} />} label={say('files.mail')} />
        {asking.isError && (
          <Alert severity="error" variant="outlined" role="alert">
            {problemText(asking.error, say)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions>
        <Button onClick={close}>
          <Sentence id="cancel" />
        </Button>
        <BusyButton variant="contained" isBusy={asking.isPending} onClick={() => asking.mutate()}>
          <Sentence id="files.submit" />
        </BusyButton>
      </DialogActions>
    </Dialog>
  );
};
