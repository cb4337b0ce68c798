import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';

import { listApiKeys, makeApiKey, revokeApiKey } from '../../api/generated/client';
import { type KeyBody, KeyScope } from '../../api/generated/client.schemas';
import { Ago, Moment, Name } from '../../format/shown';
import { BusyButton } from '../../shell/BusyButton';
import { Loaded } from '../../shell/Loaded';
import { problemText } from '../../shell/problemText';
import { toast } from '../../shell/toasts';
import { Sentence, useSay } from '../../words/words';

/** Keys for the merchant's own tools: they read, and change nothing. */
export const ApiKeys = (): ReactElement => {
  const client = useQueryClient();
  const keys = useQuery({ queryKey: ['keys'], queryFn: ({ signal }) => listApiKeys({ signal }) });
  const reread = (): Promise<void> => client.invalidateQueries({ queryKey: ['keys'] });
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Typography variant="body2" sx={{ color: 'text.secondary' }}>
        <Sentence id="keys.text" />
      </Typography>
      <Loaded query={keys} height={64}>
        {({ items }) => (
          <Box component="ul" sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 1 }}>
            {items.length === 0 && (
              <Typography component="li" variant="body2">
                <Sentence id="keys.none" />
              </Typography>
            )}
            {items.map((key) => (
              <Key key={key.id} of={key} reread={reread} />
            ))}
          </Box>
        )}
      </Loaded>
      <NewKey isRevoked={(id, since) => keys.data !== undefined && keys.dataUpdatedAt > since && keys.data.items.every((key) => key.id !== id)} reread={reread} />
    </Box>
  );
};

const Key = ({ of, reread }: { of: KeyBody; reread: () => Promise<void> }): ReactElement => {
  const say = useSay();
  const [isAsking, setAsking] = useState(false);
  const revoking = useMutation({
    mutationFn: () => revokeApiKey(of.id),
    onSuccess: async () => {
      await reread();
      toast(say('keys.revoked', { name: of.name }));
    },
    onError: (error) => toast(problemText(error, say), 'error'),
  });
  return (
    <Box component="li" sx={{ display: 'flex', gap: 2, alignItems: 'center', justifyContent: 'space-between' }}>
      <div>
        <Typography component="div">
          <Name>{of.name}</Name>
        </Typography>
        <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
          {of.scopes.map((scope) => say(`keys.scope.${scope}`)).join(' · ')} · <Sentence id="keys.made" values={{ moment: <Moment key="m" at={of.createdAt} /> }} /> ·{' '}
          {of.lastUsedAt === null ? <Sentence id="keys.unused" /> : <Sentence id="keys.used" values={{ ago: <Ago key="a" at={of.lastUsedAt} /> }} />}
        </Typography>
      </div>
      {isAsking ? (
        <Box sx={{ display: 'flex', gap: 1 }}>
          <Button size="small" color="inherit" onClick={() => setAsking(false)}>
            <Sentence id="cancel" />
          </Button>
          <BusyButton size="small" color="error" variant="contained" autoFocus isBusy={revoking.isPending} aria-label={say('keys.revoke.sure', { name: of.name })} onClick={() => revoking.mutate()}>
            <Sentence id="keys.revoke" />
          </BusyButton>
        </Box>
      ) : (
        <Button size="small" color="error" aria-label={say('keys.revoke.named', { name: of.name })} onClick={() => setAsking(true)}>
          <Sentence id="keys.revoke" />
        </Button>
      )}
    </Box>
  );
};

interface NewKeyProps {
  /** Whether a key is gone from a list that was read since a moment (ms). */
  isRevoked: (id: string, since: number) => boolean;
  reread: () => Promise<void>;
}

/** Makes a key; it is shown this once. */
const NewKey = ({ isRevoked, reread }: NewKeyProps): ReactElement => {
  const say = useSay();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<KeyScope[]>(['reports', 'lists']);
  const [madeAt, setMadeAt] = useState(0);
  const making = useMutation({
    mutationFn: () => makeApiKey({ name: name.trim(), scopes }),
    onSuccess: () => {
      setName('');
      setMadeAt(Date.now());
    },
    // After a lost answer, too: the key may have been made, and then it can be revoked.
    onSettled: reread,
  });
  const toggle = (scope: KeyScope): void => setScopes(scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope]);
  return (
    <Box
      component="form"
      sx={{ display: 'grid', gap: 1, justifyItems: 'start' }}
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== '' && scopes.length > 0) making.mutate();
      }}
    >
      {making.data && !isRevoked(making.data.id, madeAt) && <MadeKey secret={making.data.key} />}
      {making.isError && (
        <Alert severity="error" variant="outlined" role="alert">
          {problemText(making.error, say)}
        </Alert>
      )}
      <TextField size="small" label={say('keys.name')} value={name} onChange={(event) => setName(event.target.value)} slotProps={{ htmlInput: { dir: 'auto', maxLength: 60 } }} />
      <Box role="group" aria-label={say('keys.scopes')}>
        {Object.values(KeyScope).map((scope) => (
          <FormControlLabel key={scope} control={<Checkbox checked={scopes.includes(scope)} onChange={() => toggle(scope)} />} label={say(`keys.scope.${scope}`)} />
        ))}
      </Box>
      <BusyButton type="submit" variant="outlined" isBusy={making.isPending} disabled={name.trim() === '' || scopes.length === 0}>
        <Sentence id="keys.make" />
      </BusyButton>
    </Box>
  );
};

const MadeKey = ({ secret }: { secret: string }): ReactElement => {
  const say = useSay();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(secret);
      toast(say('copied'));
    } catch {
      toast(say('keys.copyFailed'), 'error');
    }
  };
  return (
    <Alert severity="success" variant="outlined" sx={{ width: '100%' }} action={<Button color="inherit" size="small" onClick={() => void copy()}><Sentence id="copy" /></Button>}>
      <Sentence id="keys.once" />
      <Box component="code" dir="ltr" sx={{ display: 'block', overflowWrap: 'anywhere', textAlign: 'left' }}>
        {secret}
      </Box>
    </Alert>
  );
};
