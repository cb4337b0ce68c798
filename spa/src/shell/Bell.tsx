import NotificationsOutlined from '@mui/icons-material/NotificationsOutlined';
import Badge from '@mui/material/Badge';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import List from '@mui/material/List';
import ListItem from '@mui/material/ListItem';
import ListItemButton from '@mui/material/ListItemButton';
import Popover from '@mui/material/Popover';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';

import { readAllNotifications, readNotification } from '../api/generated/client';
import type { NotificationBody } from '../api/generated/client.schemas';
import { notificationsQuery } from '../api/queries';
import { Ago } from '../format/shown';
import { Sentence, useSay } from '../words/words';

/** Pages that notifications open; a page that is not known yet opens none. */
const pages: Record<string, '/import' | '/connection' | '/reports' | '/'> = {
  import: '/import',
  connection: '/connection',
  exports: '/reports',
  dashboard: '/',
};

/** What happened lately, and how much of it was not read. */
export const Bell = (): ReactElement => {
  const say = useSay();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data, isError } = useQuery(notificationsQuery());
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const reread = (): Promise<void> => client.invalidateQueries({ queryKey: ['notifications'] });
  const reading = useMutation({ mutationFn: (id: string) => readNotification(id), onSettled: reread });
  const readingAll = useMutation({ mutationFn: () => readAllNotifications(), onSettled: reread });
  const unread = data?.unread ?? 0;
  const open = (one: NotificationBody): void => {
    if (one.readAt === null) reading.mutate(one.id);
    setAnchor(null);
    const to = pages[one.opens.page];
    if (to !== undefined) void navigate({ to });
  };
  return (
    <>
      {/* Beside the button, and not within: its name says the number in words. */}
      <Badge badgeContent={unread} max={99} color="primary" overlap="circular" slotProps={{ badge: { 'aria-hidden': true, sx: { pointerEvents: 'none', insetBlockStart: 13, insetInlineEnd: 13 } } }}>
        <IconButton aria-label={say('bell.label', { n: unread })} aria-haspopup="dialog" onClick={(event) => setAnchor(event.currentTarget)}>
          <NotificationsOutlined />
        </IconButton>
      </Badge>
      <Popover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={() => setAnchor(null)}
        anchorOrigin={{ vertical: 'bottom', horizontal: 'center' }}
        transformOrigin={{ vertical: 'top', horizontal: 'center' }}
        slotProps={{ paper: { role: 'dialog', 'aria-label': say('bell.title'), sx: { width: 'min(400px, calc(100vw - 32px))' } } }}
      >
        <Box sx={{ display: 'flex', alignItems: 'center', justifyContent: 'space-between', paddingInline: 2, paddingBlock: 1, minHeight: 44 }}>
          <Typography variant="h2" component="p">
            <Sentence id="bell.title" />
          </Typography>
          {unread > 0 && (
            <Button size="small" onClick={() => readingAll.mutate()}>
              <Sentence id="bell.readAll" />
            </Button>
          )}
        </Box>
        {data === undefined && (
          <Typography sx={{ padding: 2, color: 'text.secondary' }}>
            <Sentence id={isError ? 'unreachable.title' : 'loading'} />
          </Typography>
        )}
        {data?.items.length === 0 && (
          <Typography sx={{ padding: 2, color: 'text.secondary' }}>
            <Sentence id="bell.none" />
          </Typography>
        )}
        <List disablePadding>
          {data?.items.map((one) => (
            <ListItem key={one.id} disablePadding divider>
              <ListItemButton onClick={() => open(one)} sx={{ display: 'block' }}>
                <Typography component="div" sx={{ fontWeight: one.readAt === null ? 600 : 400 }}>
                  {one.title}
                </Typography>
                <Typography variant="body2" component="div" sx={{ color: 'text.secondary' }}>
                  {one.body}
                </Typography>
                <Typography variant="caption" component="div" sx={{ color: 'text.secondary' }}>
                  <Ago at={one.createdAt} />
                </Typography>
              </ListItemButton>
            </ListItem>
          ))}
        </List>
      </Popover>
    </>
  );
};
