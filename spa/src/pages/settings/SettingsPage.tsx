import Box from '@mui/material/Box';
import FormControlLabel from '@mui/material/FormControlLabel';
import { useColorScheme } from '@mui/material/styles';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';

import type { MeBody } from '../../api/generated/client.schemas';
import { meQuery } from '../../api/queries';
import { Latin } from '../../format/shown';
import { BusyButton } from '../../shell/BusyButton';
import { changeLanguage } from '../../shell/language';
import { Loaded } from '../../shell/Loaded';
import { Page } from '../../shell/Page';
import { Section } from '../../shell/Section';
import { toast } from '../../shell/toasts';
import { useLocale } from '../../words/locale';
import { Sentence, useSay, type WordId } from '../../words/words';
import { isStoreName } from '../accounts/rules';
import { ApiKeys } from './ApiKeys';
import { PasswordForm } from './PasswordForm';
import { useMeChange } from './useMeChange';

/** Language, appearance, name, mails, password, keys. */
const SettingsPage = (): ReactElement => {
  const say = useSay();
  const me = useQuery(meQuery());
  return (
    <Page title={say('page.settings')} width={760}>
      <Loaded query={me} height={900}>
        {(known) => (
          <Box sx={{ display: 'grid', gap: 2 }}>
            <Section title={say('settings.look')}>
              <Look />
            </Section>
            <Section title={say('settings.account')}>
              <Account me={known} />
            </Section>
            <Section title={say('settings.mails')}>
              <Mails me={known} />
            </Section>
            <Section title={say('settings.password')}>
              <PasswordForm email={known.user.email} />
            </Section>
            <Section title={say('settings.keys')}>
              <ApiKeys />
            </Section>
          </Box>
        )}
      </Loaded>
    </Page>
  );
};

const schemes = ['system', 'light', 'dark'] as const;

const Look = (): ReactElement => {
  const say = useSay();
  const locale = useLocale();
  const { mode, setMode } = useColorScheme();
  const changing = useMeChange();
  const choose = (chosen: 'ar' | 'en' | null): void => {
    if (chosen === null || chosen === locale) return;
    // Mails come in this language, too; the page changes where that fails as well.
    changing.mutate({ locale: chosen }, { onSettled: () => changeLanguage(chosen) });
  };
  return (
    <Box sx={{ display: 'flex', gap: 3, flexWrap: 'wrap' }}>
      <div>
        <Typography id="settings-language" variant="body2" sx={{ marginBlockEnd: 1 }}>
          <Sentence id="settings.language" />
        </Typography>
        <ToggleButtonGroup exclusive value={locale} aria-labelledby="settings-language" onChange={(_event, chosen: 'ar' | 'en' | null) => choose(chosen)}>
          <ToggleButton value="ar" lang="ar">
            العربية
          </ToggleButton>
          <ToggleButton value="en" lang="en">
            English
          </ToggleButton>
        </ToggleButtonGroup>
      </div>
      <div>
        <Typography id="settings-scheme" variant="body2" sx={{ marginBlockEnd: 1 }}>
          <Sentence id="settings.scheme" />
        </Typography>
        <ToggleButtonGroup exclusive value={mode ?? 'system'} aria-labelledby="settings-scheme" onChange={(_event, chosen: (typeof schemes)[number] | null) => chosen && setMode(chosen)}>
          {schemes.map((scheme) => (
            <ToggleButton key={scheme} value={scheme}>
              {say(`settings.scheme.${scheme}`)}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
      </div>
    </Box>
  );
};

const Account = ({ me }: { me: MeBody }): ReactElement => {
  const say = useSay();
  const [name, setName] = useState(me.merchant.storeName);
  const changing = useMeChange();
  const isGood = isStoreName(name);
  const isNew = name.trim() !== me.merchant.storeName;
  return (
    <Box
      component="form"
      sx={{ display: 'grid', gap: 2, justifyItems: 'start' }}
      onSubmit={(event) => {
        event.preventDefault();
        if (isGood && isNew) changing.mutate({ storeName: name.trim() }, { onSuccess: () => toast(say('settings.saved')) });
      }}
    >
      <Typography>
        <Sentence id="claim.as" values={{ email: <Latin key="email">{me.user.email}</Latin> }} />
      </Typography>
      <TextField label={say('field.storeName')} value={name} error={!isGood} helperText={isGood ? ' ' : say('storeName.form')} onChange={(event) => setName(event.target.value)} slotProps={{ htmlInput: { dir: 'auto', maxLength: 120 } }} />
      <BusyButton type="submit" variant="outlined" isBusy={changing.isPending} disabled={!isNew || !isGood}>
        <Sentence id="save" />
      </BusyButton>
    </Box>
  );
};

const kinds: Record<string, WordId> = {
  sync_completed: 'mail.sync_completed',
  sync_waiting: 'mail.sync_waiting',
  sync_failed: 'mail.sync_failed',
  connection_lost: 'mail.connection_lost',
  reauthorisation_needed: 'mail.reauthorisation_needed',
  export_ready: 'mail.export_ready',
  export_failed: 'mail.export_failed',
};

/** A switch for every kind of mail that may be unwanted; a change that fails flips back. */
const Mails = ({ me }: { me: MeBody }): ReactElement => {
  const say = useSay();
  const changing = useMeChange();
  return (
    <Box sx={{ display: 'grid' }}>
      {Object.entries(me.mailPreferences).map(([kind, isWanted]) => {
        const word = kinds[kind];
        return (
          <FormControlLabel
            key={kind}
            control={<Switch checked={isWanted} onChange={(_event, checked) => changing.mutate({ mailPreferences: { [kind]: checked } })} />}
            label={word ? say(word) : kind}
          />
        );
      })}
    </Box>
  );
};

export default SettingsPage;
