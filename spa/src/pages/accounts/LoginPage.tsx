import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import { useMutation } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';

import { logIn } from '../../api/generated/client';
import { session, useSession } from '../../session/current';
import { safeNext } from '../../session/next';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Outside } from '../../shell/Outside';
import { Sentence, useSay } from '../../words/words';
import { asShown } from './asShown';
import { EmailField, PasswordField } from './Field';
import { FormProblem } from './FormProblem';
import { isEmail } from './rules';

interface Wishes {
  email: string;
  password: string;
}

/** Logs in. */
const LoginPage = (): ReactElement => {
  const next = safeNext(useSearch({ strict: false }).next);
  const say = useSay();
  const navigate = useNavigate();
  const known = useSession();
  const { register, handleSubmit, formState, setValue, resetField, setFocus } = useForm<Wishes>({ defaultValues: { email: '', password: '' } });
  const sending = useMutation({
    mutationFn: (wishes: Wishes) => logIn({ ...wishes, email: wishes.email.trim() }),
    onSuccess: (body) => {
      session.adopt(body);
      void navigate({ href: next, replace: true });
    },
    onError: () => {
      resetField('password');
      setFocus('password');
    },
  });
  const { errors } = formState;
  return (
    <Outside title={say('login.title')}>
      <Box component="form" noValidate onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit((wishes) => sending.mutate(wishes))} sx={{ display: 'grid', gap: 2 }}>
        {known.kind === 'out' && known.hasEnded && !sending.isError && (
          <Alert severity="info" variant="outlined">
            <Sentence id="login.ended" />
          </Alert>
        )}
        <FormProblem error={sending.error} />
        <EmailField
          label={say('field.email')}
          autoFocus
          registration={register('email', { validate: (typed) => isEmail(typed) || say('email.form') })}
          fault={errors.email?.message}
        />
        <PasswordField
          label={say('field.password')}
          autoComplete="current-password"
          registration={register('password', { validate: (typed) => typed !== '' || say('field.required') })}
          fault={errors.password?.message}
        />
        <BusyButton type="submit" variant="contained" size="large" isBusy={sending.isPending}>
          <Sentence id="login.submit" />
        </BusyButton>
        <Box sx={{ display: 'flex', flexWrap: 'wrap', justifyContent: 'space-between' }}>
          <ButtonLink to="/register" search={{ next }}>
            <Sentence id="login.toRegister" />
          </ButtonLink>
          <ButtonLink to="/forgot-password">
            <Sentence id="login.forgot" />
          </ButtonLink>
        </Box>
      </Box>
    </Outside>
  );
};

export default LoginPage;
