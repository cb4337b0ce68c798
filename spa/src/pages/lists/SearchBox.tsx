import Clear from '@mui/icons-material/Clear';
import Search from '@mui/icons-material/Search';
import IconButton from '@mui/material/IconButton';
import InputAdornment from '@mui/material/InputAdornment';
import TextField from '@mui/material/TextField';
import { type ReactElement, useEffect, useState } from 'react';

import { useSay } from '../../words/words';

interface SearchBoxProps {
  label: string;
  find: string | undefined;
  change: (find: string | undefined) => void;
}

/** Milliseconds without a key after which it is looked for. */
const PAUSE = 350;

/** Looks for what is typed, a moment after the last key. */
export const SearchBox = ({ label, find, change }: SearchBoxProps): ReactElement => {
  const say = useSay();
  const [typed, setTyped] = useState(find ?? '');
  // What is typed has spaces at its end that what is looked for has not: the field keeps them.
  useEffect(() => setTyped((before) => (before.trim() === (find ?? '') ? before : (find ?? ''))), [find]);
  useEffect(() => {
    const wanted = typed.trim() === '' ? undefined : typed.trim();
    if (wanted === find) return;
    const timer = setTimeout(() => change(wanted), PAUSE);
    return () => clearTimeout(timer);
  }, [typed, find, change]);
  return (
    <TextField
      size="small"
      role="search"
      label={label}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      sx={{ flex: '1 1 260px', maxWidth: 460 }}
      slotProps={{
        htmlInput: { dir: 'auto', enterKeyHint: 'search', maxLength: 200 },
        input: {
          startAdornment: (
            <InputAdornment position="start">
              <Search fontSize="small" />
            </InputAdornment>
          ),
          endAdornment: typed !== '' && (
            <InputAdornment position="end">
              <IconButton edge="end" aria-label={say('lists.search.clear')} onClick={() => setTyped('')}>
                <Clear fontSize="small" />
              </IconButton>
            </InputAdornment>
          ),
        },
      }}
    />
  );
};
