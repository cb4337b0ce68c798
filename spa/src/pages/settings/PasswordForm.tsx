import Box from '@mui/material/Box';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';

import { changePassword } from '../../api/generated/client';
import { codeOf } from '../../api/problem';
import { BusyButton } from '../../shell/BusyButton';
import { toast } from '../../shell/toasts';
import { Sentence, useSay } from '../../words/words';
import { asShown } from '../accounts/asShown';
import { PasswordField } from '../accounts/Field';
import { placeFaults } from '../accounts/faults';
import { FormProblem } from '../accounts/FormProblem';
import { PasswordRules } from '../accounts/PasswordRules';
import { isPasswordGood } from '../accounts/rules';

interface Wishes {
  currentPassword: string;
  newPassword: string;
}

/** Changes the password; other sessions end. */
export const PasswordForm = ({ email }: { email: string }): ReactElement => {
  const say = useSay();
  const { register, handleSubmit, formState, setValue, watch, setError, reset } = useForm<Wishes>({ defaultValues: { currentPassword: '', newPassword: '' } });
  const sending = useMutation({
    mutationFn: (wishes: Wishes) => changePassword(wishes),
    onSuccess: () => {
      reset();
      toast(say('settings.password.done'));
    },
    onError: (error) => {
      if (codeOf(error) === 'wrong-credentials') setError('currentPassword', { message: say('settings.password.wrong') }, { shouldFocus: true });
      else placeFaults(error, ['currentPassword', 'newPassword'], setError);
    },
  });
  const { errors } = formState;
  const isPlaced = ['invalid-input', 'wrong-credentials'].includes(codeOf(sending.error) ?? '');
  return (
    <Box component="form" noValidate onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit((wishes) => sending.mutate(wishes))} sx={{ display: 'grid', gap: 2, maxWidth: 460 }}>
      <FormProblem error={isPlaced ? null : sending.error} />
      <input type="text" hidden readOnly autoComplete="username" value={email} />
      <PasswordField
        label={say('field.currentPassword')}
        autoComplete="current-password"
        registration={register('currentPassword', { validate: (typed) => typed !== '' || say('field.required') })}
        fault={errors.currentPassword?.message}
      />
      <PasswordField
        label={say('field.newPassword')}
        autoComplete="new-password"
        registration={register('newPassword', { validate: (typed) => isPasswordGood(typed, email) || ' ' })}
        fault={errors.newPassword?.message}
      />
      <PasswordRules password={watch('newPassword')} email={email} isTried={errors.newPassword !== undefined} />
      <div>
        <BusyButton type="submit" variant="outlined" isBusy={sending.isPending}>
          <Sentence id="settings.password.submit" />
        </BusyButton>
      </div>
    </Box>
  );
};
