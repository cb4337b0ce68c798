import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';

import { resetPassword } from '../../api/generated/client';
import { codeOf } from '../../api/problem';
import { session } from '../../session/current';
import { secretOfAddress } from '../../session/addressSecrets';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Outside } from '../../shell/Outside';
import { Sentence, useSay } from '../../words/words';
import { asShown } from './asShown';
import { PasswordField } from './Field';
import { FormProblem } from './FormProblem';
import { placeFaults } from './faults';
import { PasswordRules } from './PasswordRules';
import { isPasswordGood } from './rules';

/** Sets a new password with the link of a mail. */
const ResetPasswordPage = (): ReactElement => {
  const say = useSay();
  const token = secretOfAddress('token');
  const { register, handleSubmit, formState, setValue, watch, setError } = useForm({ defaultValues: { password: '' } });
  const sending = useMutation({
    mutationFn: (password: string) => resetPassword({ token: token ?? '', password }),
    onSuccess: () => session.leave(),
    onError: (error) => placeFaults(error, ['password'], setError),
  });
  const isSpent = codeOf(sending.error) === 'link-spent';
  if (token === undefined || isSpent) {
    return (
      <Outside title={say('reset.title')}>
        <Alert severity="warning" variant="outlined" role="alert">
          <Sentence id={isSpent ? 'reset.spent' : 'reset.noToken'} />
        </Alert>
        <ButtonLink to="/forgot-password" variant="contained">
          <Sentence id="reset.another" />
        </ButtonLink>
      </Outside>
    );
  }
  if (sending.isSuccess) {
    return (
      <Outside title={say('reset.title')}>
        <Alert severity="success" variant="outlined" role="status">
          <Sentence id="reset.done" />
        </Alert>
        <ButtonLink to="/login" variant="contained">
          <Sentence id="login.submit" />
        </ButtonLink>
      </Outside>
    );
  }
  const fault = formState.errors.password;
  return (
    <Outside title={say('reset.title')}>
      <Box component="form" noValidate onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit(({ password }) => sending.mutate(password))} sx={{ display: 'grid', gap: 2 }}>
        <FormProblem error={codeOf(sending.error) === 'invalid-input' ? null : sending.error} />
        <PasswordField
          label={say('field.newPassword')}
          autoComplete="new-password"
          autoFocus
          registration={register('password', { validate: (typed) => isPasswordGood(typed, '') || ' ' })}
          fault={fault?.message}
        />
        <PasswordRules password={watch('password')} email="" isTried={formState.errors.password !== undefined} />
        <BusyButton type="submit" variant="contained" size="large" isBusy={sending.isPending}>
          <Sentence id="reset.submit" />
        </BusyButton>
      </Box>
    </Outside>
  );
};

export default ResetPasswordPage;
