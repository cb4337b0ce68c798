import Check from '@mui/icons-material/Check';
import RadioButtonUnchecked from '@mui/icons-material/RadioButtonUnchecked';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ReactElement } from 'react';

import { Sentence, useSay, type WordId } from '../../words/words';
import { keptRules, type PasswordRule, passwordRules } from './rules';

const words: Record<PasswordRule, WordId> = { length: 'password.length', classes: 'password.classes', notName: 'password.notName' };

/** The rules of a password, each ticked when it is kept; once the form was sent (`isTried`), those that are not stand out. */
export const PasswordRules = ({ password, email, isTried = false }: { password: string; email: string; isTried?: boolean }): ReactElement => {
  const say = useSay();
  const kept = keptRules(password, email);
  return (
    <Box component="ul" aria-label={say('password.rules')} sx={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 0.5 }}>
      {passwordRules.map((rule) => (
        <Typography key={rule} component="li" variant="body2" sx={{ display: 'flex', gap: 1, alignItems: 'center', color: kept.has(rule) ? 'success.main' : isTried ? 'error.main' : 'text.secondary' }}>
          {kept.has(rule) ? <Check fontSize="small" titleAccess={say('yes')} /> : <RadioButtonUnchecked fontSize="small" titleAccess={say('no')} />}
          <span>
            <Sentence id={words[rule]} />
          </span>
        </Typography>
      ))}
    </Box>
  );
};
