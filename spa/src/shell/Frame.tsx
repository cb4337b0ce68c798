import Box from '@mui/material/Box';
import Drawer from '@mui/material/Drawer';
import Toolbar from '@mui/material/Toolbar';
import Typography from '@mui/material/Typography';
import { Outlet, useRouter, useRouterState } from '@tanstack/react-router';
import { type ReactElement, useCallback, useEffect, useState } from 'react';

import { useSession } from '../session/current';
import { safeNext } from '../session/next';
import { Sentence } from '../words/words';
import { useDashboardAhead } from './ahead';
import { Banners } from './Banners';
import { CrashGuard } from './Crash';
import { Menu } from './Menu';
import { TopBar } from './TopBar';
import { Unreachable } from './Unreachable';
import { ImportWatch } from './ImportWatch';

/** Pixels. */
const MENU = 232;

/** What every page of a merchant stands in: the bar, the menu, and what concerns all pages. It is not drawn anew when the address changes. */
export const Frame = (): ReactElement => {
  const [isMenuOpen, setMenuOpen] = useState(false);
  const closeMenu = useCallback(() => setMenuOpen(false), []);
  const { kind } = useSession();
  useDashboardAhead();
  if (kind === 'unreachable') return <Unreachable />;
  return (
    <Box sx={{ display: 'flex', minHeight: '100dvh' }}>
      <LeaveWithSession />
      <SkipLink />
      <Drawer variant="permanent" sx={{ display: { xs: 'none', md: 'block' }, width: MENU, flexShrink: 0, '& .MuiDrawer-paper': { width: MENU, border: 0, borderInlineEnd: 1, borderInlineEndStyle: 'solid', borderColor: 'divider', borderRadius: 0 }, '@media print': { display: 'none' } }}>
        <Brand />
        <Menu />
      </Drawer>
      <PhoneMenu isOpen={isMenuOpen} close={closeMenu} />
      <Box sx={{ flexGrow: 1, minWidth: 0 }}>
        <ImportWatch />
        <TopBar openMenu={() => setMenuOpen(true)} />
        <Banners />
        <Box component="main" id="content" tabIndex={-1} sx={{ '&:focus': { outline: 'none' } }}>
          <Content />
        </Box>
      </Box>
    </Box>
  );
};

/** The menu where there is no room for it; it closes when a page is opened. */
const PhoneMenu = ({ isOpen, close }: { isOpen: boolean; close: () => void }): ReactElement => {
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);
  return (
    <Drawer open={isOpen} onClose={close} sx={{ display: { md: 'none' }, '& .MuiDrawer-paper': { width: MENU, borderRadius: 0 } }}>
      <Brand />
      <Menu />
    </Drawer>
  );
};

/** The page. One that has stopped is left behind with its address. */
const Content = (): ReactElement => {
  const page = useRouterState({ select: (state) => state.location.pathname.split('/')[1] });
  return (
    <CrashGuard key={page}>
      <Outlet />
    </CrashGuard>
  );
};

const Brand = (): ReactElement => (
  <Toolbar>
    <Typography component="p" variant="h4" sx={{ color: 'primary.main' }}>
      <Sentence id="app.name" />
    </Typography>
  </Toolbar>
);

/** The first thing that the keyboard reaches. */
const SkipLink = (): ReactElement => (
  <Box
    component="a"
    href="#content"
    sx={{ position: 'fixed', insetBlockStart: 8, insetInlineStart: 8, zIndex: 'tooltip', padding: 1, backgroundColor: 'background.paper', '&:not(:focus)': { clipPath: 'inset(50%)' } }}
  >
    <Sentence id="skip.toContent" />
  </Box>
);

/** When the session ends, log-in follows, and leads back to where it ended: not to log-in's own address, which comes before the frame has gone. */
const LeaveWithSession = (): null => {
  const { kind } = useSession();
  const router = useRouter();
  useEffect(() => {
    if (kind === 'out') void router.navigate({ to: '/login', search: { next: safeNext(router.state.location.href) }, replace: true });
  }, [kind, router]);
  return null;
};
