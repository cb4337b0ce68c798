import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useForm } from 'react-hook-form';

import { forgotPassword } from '../../api/generated/client';
import { BusyButton } from '../../shell/BusyButton';
import { ButtonLink } from '../../shell/links';
import { Outside } from '../../shell/Outside';
import { Sentence, useSay } from '../../words/words';
import { asShown } from './asShown';
import { EmailField } from './Field';
import { FormProblem } from './FormProblem';
import { isEmail } from './rules';

/** Asks for a mail with a link; the answer is the same for every address. */
const ForgotPasswordPage = (): ReactElement => {
  const say = useSay();
  const { register, handleSubmit, formState, setValue } = useForm({ defaultValues: { email: '' } });
  const sending = useMutation({ mutationFn: (email: string) => forgotPassword({ email: email.trim() }) });
  return (
    <Outside title={say('forgot.title')}>
      {sending.isSuccess ? (
        <>
          <Alert severity="success" variant="outlined" role="status">
            <Sentence id="forgot.sent" />
          </Alert>
          <Button onClick={() => sending.reset()}>
            <Sentence id="forgot.again" />
          </Button>
        </>
      ) : (
        <Box component="form" noValidate onSubmitCapture={asShown(setValue)} onSubmit={handleSubmit(({ email }) => sending.mutate(email))} sx={{ display: 'grid', gap: 2 }}>
          <Typography>
            <Sentence id="forgot.text" />
          </Typography>
          <FormProblem error={sending.error} />
          <EmailField
            label={say('field.email')}
            autoFocus
            registration={register('email', { validate: (typed) => isEmail(typed) || say('email.form') })}
            fault={formState.errors.email?.message}
          />
          <BusyButton type="submit" variant="contained" size="large" isBusy={sending.isPending}>
            <Sentence id="forgot.submit" />
          </BusyButton>
        </Box>
      )}
      <ButtonLink to="/login">
        <Sentence id="login.title" />
      </ButtonLink>
    </Outside>
  );
};

export default ForgotPasswordPage;
