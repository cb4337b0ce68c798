import AccountCircleOutlined from '@mui/icons-material/AccountCircleOutlined';
import MenuIcon from '@mui/icons-material/Menu';
import Search from '@mui/icons-material/Search';
import AppBar from '@mui/material/AppBar';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import MuiMenu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import Toolbar from '@mui/material/Toolbar';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useEffect, useState } from 'react';

import { meQuery } from '../api/queries';
import { Latin, Name } from '../format/shown';
import { useLocale } from '../words/locale';
import { Sentence, useSay } from '../words/words';
import { Bell } from './Bell';
import { changeLanguage } from './language';
import { useLogOut } from './useLogOut';

const Finder = lazy(() => import('./Finder'));

/** The bar above every page: the store, the search, the bell, the account. */
export const TopBar = ({ openMenu }: { openMenu: () => void }): ReactElement => {
  const say = useSay();
  const me = useQuery(meQuery());
  const [isFinding, setFinding] = useState(false);
  useShortcut(() => setFinding(true));
  const name = me.data?.connection?.store.name ?? me.data?.merchant.storeName ?? '';
  return (
    <AppBar position="sticky" sx={{ backgroundColor: 'background.paper', border: 0, borderBlockEnd: 1, borderBlockEndStyle: 'solid', borderColor: 'divider', borderRadius: 0, '@media print': { display: 'none' } }}>
      <Toolbar sx={{ gap: 1 }}>
        <IconButton edge="start" sx={{ display: { md: 'none' } }} aria-label={say('menu.open')} onClick={openMenu}>
          <MenuIcon />
        </IconButton>
        <Typography component="p" sx={{ fontWeight: 600, flexGrow: 1, minWidth: 0, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>
          <Name>{name}</Name>
        </Typography>
        <Button
          color="inherit"
          startIcon={<Search />}
          onClick={() => setFinding(true)}
          sx={{ color: 'text.secondary', display: { xs: 'none', sm: 'inline-flex' } }}
        >
          <Sentence id="search.open" />
          <Box component="kbd" dir="ltr" sx={{ marginInlineStart: 1, fontFamily: 'inherit', fontSize: '.75rem', border: 1, borderColor: 'divider', borderRadius: 1, paddingInline: 0.5 }}>
            Ctrl K
          </Box>
        </Button>
        <IconButton sx={{ display: { sm: 'none' } }} aria-label={say('search.open')} onClick={() => setFinding(true)}>
          <Search />
        </IconButton>
        <Bell />
        <Account email={me.data?.user.email ?? ''} supportUrl={me.data?.supportUrl ?? null} />
      </Toolbar>
      {isFinding && (
        <Suspense>
          <Finder close={() => setFinding(false)} />
        </Suspense>
      )}
    </AppBar>
  );
};

const useShortcut = (open: () => void): void => {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.code !== 'KeyK') return;
      event.preventDefault();
      open();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  });
};

const Account = ({ email, supportUrl }: { email: string; supportUrl: string | null }): ReactElement => {
  const say = useSay();
  const other = useLocale() === 'ar' ? 'en' : 'ar';
  const logOut = useLogOut();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  return (
    <>
      <IconButton aria-label={say('menu.account')} aria-haspopup="menu" onClick={(event) => setAnchor(event.currentTarget)}>
        <AccountCircleOutlined />
      </IconButton>
      <MuiMenu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        <MenuItem disabled sx={{ '&.Mui-disabled': { opacity: 1 } }}>
          <Latin>{email}</Latin>
        </MenuItem>
        <MenuItem lang={other} onClick={() => changeLanguage(other)}>
          {say('language.other')}
        </MenuItem>
        {supportUrl !== null && (
          <MenuItem component="a" href={supportUrl} target="_blank" rel="noreferrer" onClick={() => setAnchor(null)}>
            {say('support')}
          </MenuItem>
        )}
        <MenuItem onClick={logOut}>{say('logOut')}</MenuItem>
      </MuiMenu>
    </>
  );
};
