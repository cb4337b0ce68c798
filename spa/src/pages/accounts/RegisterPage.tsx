import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import { useMutation } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';

import { register as registerAccount } from '../../api/generated/client';
import { codeOf } from '../../api/problem';
import { session } from '../../session/current';
import { safeNext } from '../../session/next';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Outside } from '../../shell/Outside';
import { useLocale } from '../../words/locale';
import { Sentence, useSay } from '../../words/words';
import { asShown } from './asShown';
import { EmailField, Field, PasswordField } from './Field';
import { FormProblem } from './FormProblem';
import { placeFaults } from './faults';
import { PasswordRules } from './PasswordRules';
import { isEmail, isPasswordGood, isStoreName } from './rules';

interface Wishes {
  storeName: string;
  email: string;
  password: string;
}

/** Makes an account. */
const RegisterPage = (): ReactElement => {
  const next = safeNext(useSearch({ strict: false }).next);
  const say = useSay();
  const locale = useLocale();
  const navigate = useNavigate();
  const form = useForm<Wishes>({ defaultValues: { storeName: '', email: '', password: '' } });
  const { register, handleSubmit, formState, setValue, watch, setError, setFocus } = form;
  const sending = useMutation({
    mutationFn: (wishes: Wishes) => registerAccount({ ...wishes, email: wishes.email.trim(), locale }),
    onSuccess: (body) => {
      session.adopt(body);
      void navigate({ href: next, replace: true });
    },
    onError: (error) => {
      placeFaults(error, ['storeName', 'email', 'password'], setError);
      if (codeOf(error) === 'email-taken') setFocus('email');
    },
  });
  const isTaken = codeOf(sending.error) === 'email-taken';
  const { errors } = formState;
  const [email, password] = watch(['email', 'password']);
  return (
    <Outside title={say('register.title')}>
      <Box component="form" noValidate onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit((wishes) => sending.mutate(wishes))} sx={{ display: 'grid', gap: 2 }}>
        <FormProblem error={isTaken || codeOf(sending.error) === 'invalid-input' ? null : sending.error} />
        <Field
          label={say('field.storeName')}
          autoComplete="organization"
          autoFocus
          registration={register('storeName', { validate: (typed) => isStoreName(typed) || say('storeName.form') })}
          fault={errors.storeName?.message}
        />
        <EmailField
          label={say('field.email')}
          registration={register('email', { validate: (typed) => isEmail(typed) || say('email.form'), onChange: () => sending.reset() })}
          fault={isTaken ? say('email.taken') : errors.email?.message}
        />
        {isTaken && (
          <Alert severity="info" variant="outlined" icon={false}>
            <Box sx={{ display: 'flex', gap: 1, flexWrap: 'wrap' }}>
              <ButtonLink to="/login" search={{ next }} size="small">
                <Sentence id="email.taken.login" />
              </ButtonLink>
              <ButtonLink to="/forgot-password" size="small">
                <Sentence id="email.taken.forgot" />
              </ButtonLink>
            </Box>
          </Alert>
        )}
        <PasswordField
          label={say('field.password')}
          autoComplete="new-password"
          registration={register('password', { validate: (typed, all) => isPasswordGood(typed, all.email) || say('password.length') })}
          fault={passwordFault(errors.password?.type, errors.password?.message)}
        />
        <PasswordRules password={password} email={email} isTried={errors.password !== undefined} />
        <BusyButton type="submit" variant="contained" size="large" isBusy={sending.isPending}>
          <Sentence id="register.submit" />
        </BusyButton>
        <ButtonLink to="/login" search={{ next }}>
          <Sentence id="register.toLogin" />
        </ButtonLink>
      </Box>
    </Outside>
  );
};

/** The list of rules says what is wrong; only what the server found beyond them needs a sentence. */
const passwordFault = (type: string | undefined, message: string | undefined): string | undefined =>
  type === undefined ? undefined : type === 'server' ? message : ' ';

export default RegisterPage;
