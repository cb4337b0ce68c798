import Visibility from '@mui/icons-material/Visibility';
import VisibilityOff from '@mui/icons-material/VisibilityOff';
import IconButton from '@mui/material/IconButton';
import InputAdornment from '@mui/material/InputAdornment';
import TextField, { type TextFieldProps } from '@mui/material/TextField';
import { type ReactElement, type ReactNode, useState } from 'react';
import type { UseFormRegisterReturn } from 'react-hook-form';

import { useSay } from '../../words/words';

type FieldProps = Omit<TextFieldProps, 'error'> & {
  registration: UseFormRegisterReturn;
  /** What is wrong with it. */
  fault?: ReactNode;
};

/** A field of a form: named, with its fault below. */
export const Field = ({ registration, fault, helperText, ...props }: FieldProps): ReactElement => {
  const { ref, ...registered } = registration;
  return <TextField {...props} {...registered} inputRef={ref} error={Boolean(fault)} helperText={fault ?? helperText} />;
};

/** An address: from left to right in any language. */
export const EmailField = (props: FieldProps): ReactElement => (
  <Field {...props} type="email" autoComplete={props.autoComplete ?? 'username'} slotProps={{ htmlInput: { dir: 'ltr', inputMode: 'email', spellCheck: false } }} />
);

/** A password that can be shown. */
export const PasswordField = (props: FieldProps): ReactElement => {
  const [isShown, setShown] = useState(false);
  const say = useSay();
  return (
    <Field
      {...props}
      type={isShown ? 'text' : 'password'}
      slotProps={{
        htmlInput: { dir: 'ltr', spellCheck: false },
        input: {
          endAdornment: (
            <InputAdornment position="end">
              <IconButton
                edge="end"
                aria-label={say(isShown ? 'password.hide' : 'password.show')}
                aria-pressed={isShown}
                onClick={() => setShown(!isShown)}
              >
                {isShown ? <VisibilityOff /> : <Visibility />}
              </IconButton>
            </InputAdornment>
          ),
        },
      }}
    />
  );
};
