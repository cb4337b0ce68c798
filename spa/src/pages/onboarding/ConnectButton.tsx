import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';

import { getAuthorizationUrl } from '../../api/generated/client';
import { BusyButton } from '../../shell/BusyButton';
import { problemText } from '../../shell/problemText';
import { useSay } from '../../words/words';

/** Leads to Salla, where the merchant approves. */
export const ConnectButton = ({ children, size = 'large', isQuiet = false }: { children: ReactNode; size?: 'large' | 'medium'; isQuiet?: boolean }): ReactElement => {
  const say = useSay();
  const leaving = useMutation({
    mutationFn: () => getAuthorizationUrl(),
    onSuccess: ({ authorizationUrl }) => location.assign(authorizationUrl),
  });
  return (
    <Box sx={{ display: 'grid', gap: 1, justifyItems: 'start' }}>
      <BusyButton variant={isQuiet ? 'outlined' : 'contained'} size={size} isBusy={leaving.isPending || leaving.isSuccess} onClick={() => leaving.mutate()}>
        {children}
      </BusyButton>
      {leaving.isError && (
        <Alert severity="error" variant="outlined" role="alert">
          {problemText(leaving.error, say)}
        </Alert>
      )}
    </Box>
  );
};
