import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import Link from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useId, useRef, useState } from 'react';

import { requestExport, revokeExport } from '../../api/generated/client';
import type { ExportBody, ExportReport } from '../../api/generated/client.schemas';
import { commandKey } from '../../api/commandKey';
import { readUntil } from '../../api/readUntil';
import { bytes, flooredPercent } from '../../format/numbers';
import { Moment } from '../../format/shown';
import { duration, roundTimeLeft } from '../../format/timeLeft';
import { rangeOf } from '../../format/times';
import { BusyButton } from '../../shell/BusyButton';
import { problemText } from '../../shell/problemText';
import { Support } from '../../shell/Support';
import { toast } from '../../shell/toasts';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { Bar } from '../importing/Bar';
import { useKnownStatusName } from '../lists/useStatusName';
import { newestExports, ofStatus } from './exports';

const states: Record<string, WordId> = {
  requested: 'files.state.requested',
  running: 'files.state.running',
  completed: 'files.state.completed',
  failed: 'files.state.failed',
  revoked: 'files.state.revoked',
  expired: 'files.state.expired',
};

/** A file: what it holds, where it stands, what can be done with it. */
export const FileRow = ({ file }: { file: ExportBody }): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const word = states[file.status];
  const { from, to, status, customerId } = file.filters;
  const statusName = useKnownStatusName();
  const list = ofStatus[file.reportType as ExportReport];
  return (
    <Box component="li" sx={{ padding: 2, display: 'grid', gap: 1, borderBlockEnd: 1, borderBlockEndStyle: 'solid', borderColor: 'divider', '&:last-child': { borderBlockEnd: 0 } }}>
      <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', alignItems: 'center' }}>
        <Typography component="h2" sx={{ fontWeight: 600 }}>
          {say(`files.report.${file.reportType}`)}
        </Typography>
        <bdi dir="ltr">{file.format.toUpperCase()}</bdi>
        <Box sx={{ flexGrow: 1 }} />
        <Chip size="small" variant="outlined" color={file.status === 'failed' ? 'error' : file.status === 'completed' ? 'success' : 'default'} label={word ? say(word) : file.status} />
      </Box>
      <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
        {from && to && (
          <>
            <bdi>{rangeOf(locale, from, to)}</bdi> ·{' '}
          </>
        )}
        {list && status && (
          <>
            <bdi>{say('files.only.status', { status: statusName(list, status) })}</bdi> ·{' '}
          </>
        )}
        {customerId && `${say('files.only.customer')} · `}
        <Sentence id="files.asked" values={{ moment: <Moment key="m" at={file.requestedAt} /> }} />
        {file.rows !== null && (file.rows > 0 || file.status === 'completed') && ` · ${say('files.rows', { n: file.rows })}`}
        {file.bytes !== null && file.status === 'completed' && (
          <>
            {' · '}
            <bdi>{bytes(locale, file.bytes)}</bdi>
          </>
        )}
      </Typography>
      <Standing file={file} />
      <Actions file={file} />
    </Box>
  );
};

const Standing = ({ file }: { file: ExportBody }): ReactElement | null => {
  const say = useSay();
  const locale = useLocale();
  if (file.status === 'running' && file.percent !== null) {
    const text = flooredPercent(locale, file.percent);
    const left = file.etaSeconds === null ? null : roundTimeLeft(file.etaSeconds).minutes;
    return (
      <Box sx={{ display: 'grid', gap: 0.5 }}>
        <Bar label={say('files.progress')} text={text} share={file.percent / 100} />
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          <bdi>{text}</bdi>
          {left !== null && ` · ${left === 0 ? say('import.left.soon') : say('import.left', { time: duration(locale, left) })}`}
        </Typography>
      </Box>
    );
  }
  if (file.status === 'failed') {
    return (
      <Typography variant="body2" sx={{ color: 'error.main' }}>
        {file.advice ?? say('files.failed', { code: file.cause ?? '?' })} <Support about={file.jobId} />
      </Typography>
    );
  }
  if (file.status !== 'completed') return null;
  return (
    <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
      {file.completeTo === null ? (
        <Sentence id="files.lacks.unknown" />
      ) : (
        <Sentence id="files.complete" values={{ moment: <Moment key="m" at={file.completeTo} /> }} />
      )}
      {file.ordersWithoutDetails !== null && file.ordersWithoutDetails > 0 && ` ${say('files.lacks.details', { n: file.ordersWithoutDetails })}`}
      {file.expiresAt !== null && (
        <>
          {' '}
          <Sentence id="files.until" values={{ moment: <Moment key="m" at={file.expiresAt} /> }} />
        </>
      )}
    </Typography>
  );
};

const Actions = ({ file }: { file: ExportBody }): ReactElement => {
  const say = useSay();
  const client = useQueryClient();
  const reread = (): Promise<void> => client.invalidateQueries({ queryKey: ['exports'] });
  const onError = (error: unknown): void => toast(problemText(error, say), 'error');
  // A second press after a lost answer asks for the same file; after an answer, for another.
  const key = useRef<string>();
  const again = useMutation({
    mutationFn: () =>
      requestExport({ reportType: file.reportType, format: file.format, filters: file.filters, personalData: file.personalData }, { headers: { 'idempotency-key': (key.current ??= commandKey()) } }),
    onSuccess: async ({ jobId }) => {
      key.current = undefined;
      await readUntil(client, newestExports, ({ items }) => items.some((one) => one.jobId === jobId));
    },
    onError,
    onSettled: reread,
  });
  const isOver = ['failed', 'expired', 'revoked'].includes(file.status);
  return (
    <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', alignItems: 'center' }}>
      {file.link !== null && (
        <Button component="a" href={file.link} variant="contained" size="small" download>
          <Sentence id="files.download" />
        </Button>
      )}
      {file.manifestLink !== null && (
        <Link href={file.manifestLink} variant="body2" download>
          <Sentence id="files.manifest" />
        </Link>
      )}
      {isOver && (
        <BusyButton size="small" variant="outlined" isBusy={again.isPending} onClick={() => again.mutate()}>
          <Sentence id="files.again" />
        </BusyButton>
      )}
      {!isOver && <Remove file={file} reread={reread} onError={onError} />}
    </Box>
  );
};

const Remove = ({ file, reread, onError }: { file: ExportBody; reread: () => Promise<void>; onError: (error: unknown) => void }): ReactElement => {
  const title = useId();
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const gone = async (): Promise<void> => {
    await readUntil(client, newestExports, ({ items }) => items.every((one) => one.jobId !== file.jobId));
    await reread();
  };
  const removing = useMutation({ mutationFn: () => revokeExport(file.jobId), onSuccess: gone, onError, onSettled: () => setAsking(false) });
  return (
    <>
      <Button size="small" color="inherit" onClick={() => setAsking(true)}>
        <Sentence id="delete" />
      </Button>
      <Dialog open={isAsking} onClose={() => setAsking(false)} aria-labelledby={title}>
        <DialogTitle id={title}>
          <Sentence id="files.delete.sure" />
        </DialogTitle>
        <DialogContent>
          <DialogContentText>
            <Sentence id="files.delete.text" />
          </DialogContentText>
        </DialogContent>
        <DialogActions>
          <Button autoFocus onClick={() => setAsking(false)}>
            <Sentence id="cancel" />
          </Button>
          <BusyButton color="error" isBusy={removing.isPending} onClick={() => removing.mutate()}>
            <Sentence id="delete" />
          </BusyButton>
        </DialogActions>
      </Dialog>
    </>
  );
};
