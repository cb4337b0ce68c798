import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouter } from '@tanstack/react-router';
import { type ReactElement, useId, useState } from 'react';

import { disconnectStore } from '../../api/generated/client';
import { meQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { Name } from '../../format/shown';
import { BusyButton } from '../../shell/BusyButton';
import { problemText } from '../../shell/problemText';
import { toast } from '../../shell/toasts';
import { Sentence, useSay } from '../../words/words';

/** Parts from the store, behind its typed name. */
export const Disconnect = ({ storeName }: { storeName: string }): ReactElement => {
  const say = useSay();
  const title = useId();
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const [isAsking, setAsking] = useState(false);
  const [typed, setTyped] = useState('');
  const parting = useMutation({
    mutationFn: () => disconnectStore(),
    onSuccess: async () => {
      const isSeen = await readUntil(client, meQuery(), ({ connection }) => connection === null);
      toast(say(isSeen ? 'disconnect.done' : 'onTheWay'), isSeen ? 'success' : 'info');
      await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' });
      if (!isSeen) setAsking(false);
      // By then this page shows that no store is connected, and this part of it is gone.
      else if (router.state.location.pathname === '/connection') await navigate({ to: '/welcome' });
    },
    onError: (error) => toast(problemText(error, say), 'error'),
  });
  const isSame = typed.trim() === storeName.trim();
  return (
    <>
      <Typography sx={{ marginBlockEnd: 2 }}>
        <Sentence id="disconnect.text" />
      </Typography>
      <Button color="error" variant="outlined" onClick={() => setAsking(true)}>
        <Sentence id="disconnect.submit" />
      </Button>
      <Dialog open={isAsking} onClose={() => setAsking(false)} aria-labelledby={title} fullWidth maxWidth="sm">
        <DialogTitle id={title}>
          <Sentence id="disconnect.sure" values={{ store: <Name key="store">{storeName}</Name> }} />
        </DialogTitle>
        <DialogContent sx={{ display: 'grid', gap: 2 }}>
          <Typography component="ul" sx={{ margin: 0, paddingInlineStart: 3 }}>
            <li>{say('disconnect.stops')}</li>
            <li>{say('disconnect.stays')}</li>
            <li>{say('disconnect.free')}</li>
          </Typography>
          <TextField autoFocus label={say('disconnect.type')} helperText={<Name>{storeName}</Name>} value={typed} onChange={(event) => setTyped(event.target.value)} slotProps={{ htmlInput: { dir: 'auto', autoComplete: 'off' } }} />
        </DialogContent>
        <DialogActions>
          <Button onClick={() => setAsking(false)}>
            <Sentence id="cancel" />
          </Button>
          <BusyButton color="error" disabled={!isSame} isBusy={parting.isPending} onClick={() => parting.mutate()}>
            <Sentence id="disconnect.submit" />
          </BusyButton>
        </DialogActions>
      </Dialog>
    </>
  );
};
