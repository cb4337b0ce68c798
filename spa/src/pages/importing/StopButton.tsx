import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import { type ReactElement, useId, useState } from 'react';

import { cancelImport } from '../../api/generated/client';
import { isUnderWay } from '../../api/queries';
import { BusyButton } from '../../shell/BusyButton';
import { toast } from '../../shell/toasts';
import { Sentence, useSay } from '../../words/words';
import { useImportCommand } from './useImportCommand';

/** Stops the import, after a question. */
export const StopButton = (): ReactElement => {
  const say = useSay();
  const title = useId();
  const [isAsking, setAsking] = useState(false);
  const stopping = useImportCommand(cancelImport, (status) => !isUnderWay(status), () => {
    setAsking(false);
    toast(say('import.stopped'));
  });
  return (
    <>
      <Button color="error" onClick={() => setAsking(true)}>
        <Sentence id="import.stop" />
      </Button>
      <Dialog open={isAsking} onClose={() => setAsking(false)} aria-labelledby={title}>
        <DialogTitle id={title}>{say('import.stop.sure')}</DialogTitle>
        <DialogContent>
          <DialogContentText>
            <Sentence id="import.stop.text" />
          </DialogContentText>
        </DialogContent>
        <DialogActions>
          <Button autoFocus onClick={() => setAsking(false)}>
            <Sentence id="import.stop.no" />
          </Button>
          <BusyButton color="error" isBusy={stopping.isPending} onClick={() => stopping.mutate()}>
            <Sentence id="import.stop" />
          </BusyButton>
        </DialogActions>
      </Dialog>
    </>
  );
};
