import AssessmentOutlined from '@mui/icons-material/AssessmentOutlined';
import CableOutlined from '@mui/icons-material/CableOutlined';
import DoneAllOutlined from '@mui/icons-material/DoneAllOutlined';
import FileDownloadOutlined from '@mui/icons-material/FileDownloadOutlined';
import Inventory2Outlined from '@mui/icons-material/Inventory2Outlined';
import PeopleOutlined from '@mui/icons-material/PeopleOutlined';
import ReceiptLongOutlined from '@mui/icons-material/ReceiptLongOutlined';
import SettingsOutlined from '@mui/icons-material/SettingsOutlined';
import ShoppingCartOutlined from '@mui/icons-material/ShoppingCartOutlined';
import List from '@mui/material/List';
import ListItem from '@mui/material/ListItem';
import ListItemButton, { type ListItemButtonProps } from '@mui/material/ListItemButton';
import ListItemIcon from '@mui/material/ListItemIcon';
import ListItemText from '@mui/material/ListItemText';
import { createLink } from '@tanstack/react-router';
import { forwardRef, type ReactElement } from 'react';

import { Sentence, useSay, type WordId } from '../words/words';

const Entry = createLink(
  forwardRef<HTMLAnchorElement, ListItemButtonProps<'a'>>((props, ref) => <ListItemButton ref={ref} component="a" {...props} />),
);

/** Pages of the menu, in their order. */
export const pages = [
  { to: '/', word: 'page.dashboard', Icon: AssessmentOutlined },
  { to: '/orders', word: 'page.orders', Icon: ReceiptLongOutlined },
  { to: '/customers', word: 'page.customers', Icon: PeopleOutlined },
  { to: '/products', word: 'page.products', Icon: Inventory2Outlined },
  { to: '/carts', word: 'page.carts', Icon: ShoppingCartOutlined },
  { to: '/reports', word: 'page.files', Icon: FileDownloadOutlined },
  { to: '/reconciliations', word: 'page.reconciliations', Icon: DoneAllOutlined },
  { to: '/connection', word: 'page.connection', Icon: CableOutlined },
  { to: '/settings', word: 'page.settings', Icon: SettingsOutlined },
] as const satisfies { to: string; word: WordId; Icon: unknown }[];

/** The pages, and which of them is open. */
export const Menu = (): ReactElement => {
  const say = useSay();
  return (
    <nav aria-label={say('menu.label')}>
      <List>
        {pages.map(({ to, word, Icon }) => (
          <ListItem key={to} disablePadding>
            <Entry
              to={to}
              activeOptions={{ exact: to === '/', includeSearch: false }}
              activeProps={{ 'aria-current': 'page', className: 'Mui-selected' }}
            >
              <ListItemIcon sx={{ minWidth: 40 }}>
                <Icon fontSize="small" />
              </ListItemIcon>
              <ListItemText primary={<Sentence id={word} />} />
            </Entry>
          </ListItem>
        ))}
      </List>
    </nav>
  );
};
