import Search from '@mui/icons-material/Search';
import Box from '@mui/material/Box';
import Dialog from '@mui/material/Dialog';
import InputBase from '@mui/material/InputBase';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useId, useState } from 'react';

import { listCustomers, listOrders, listProducts } from '../api/generated/client';
import { refusalOf } from '../api/problem';
import { latinDigits } from '../format/digits';
import { Latin, Name } from '../format/shown';
import { seek } from '../pages/lists/search';
import { Sentence, useSay, type WordId } from '../words/words';
import { Refusal } from './Loaded';
import { pages } from './Menu';

/** Rows of each list that are shown. */
const ROWS = 4;
/** Milliseconds without a key after which lists are asked. */
const PAUSE = 250;

/** Something that can be gone to. */
interface Found {
  key: string;
  group: WordId;
  shown: ReactNode;
  go: () => void;
}

/** Goes to a page, an order, a product or a customer by what is typed; arrow keys choose, Enter goes. */
const Finder = ({ close }: { close: () => void }): ReactElement => {
  const say = useSay();
  const id = useId();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState(0);
  const rows = useRows(typed, close);
  const found = [...usePages(typed, close), ...rows.found];
  const active = Math.min(chosen, found.length - 1);
  const press = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setChosen((active + step + found.length) % found.length);
    }
    if (event.key === 'Enter') found[active]?.go();
  };
  return (
    <Dialog open onClose={close} fullWidth maxWidth="sm" slotProps={{ paper: { 'aria-label': say('search.open'), 'aria-labelledby': undefined } }} sx={{ '& .MuiDialog-container': { alignItems: 'flex-start' } }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1, padding: 2, borderBlockEnd: 1, borderBlockEndStyle: 'solid', borderColor: 'divider' }}>
        <Search sx={{ color: 'text.secondary' }} />
        <InputBase
          autoFocus
          fullWidth
          value={typed}
          placeholder={say('search.placeholder')}
          onChange={(event) => {
            setTyped(event.target.value);
            setChosen(0);
          }}
          onKeyDown={press}
          inputProps={{
            dir: 'auto',
            maxLength: 200,
            role: 'combobox',
            'aria-label': say('search.placeholder'),
            'aria-expanded': true,
            'aria-controls': id,
            'aria-activedescendant': found.length > 0 ? `${id}-${active}` : undefined,
          }}
        />
      </Box>
      <Box role="listbox" id={id} aria-label={say('search.open')} sx={{ padding: 1, minHeight: 320 }}>
        {rows.refusal !== undefined && <Refusal typed={typed.trim()} why={rows.refusal} />}
        {rows.refusal === undefined && (found.length === 0 || rows.state === 'failed') && (
          <Typography role="status" sx={{ padding: 2, color: 'text.secondary' }}>
            <Sentence id={words[rows.state]} />
          </Typography>
        )}
        {found.map((one, index) => (
          <Box key={one.key} role="presentation">
            {one.group !== found[index - 1]?.group && (
              <Typography variant="caption" component="div" role="presentation" sx={{ color: 'text.secondary', paddingInline: 1, paddingBlockStart: 1 }}>
                <Sentence id={one.group} />
              </Typography>
            )}
            <Box
              role="option"
              id={`${id}-${index}`}
              aria-selected={index === active}
              onClick={one.go}
              onMouseMove={() => setChosen(index)}
              sx={{ padding: 1, borderRadius: 1, minHeight: 44, display: 'flex', alignItems: 'center', cursor: 'pointer', backgroundColor: index === active ? 'action.selected' : undefined }}
            >
              {one.shown}
            </Box>
          </Box>
        ))}
      </Box>
    </Dialog>
  );
};

const words = { asking: 'loading', failed: 'unreachable.title', answered: 'search.nothing' } as const satisfies Record<string, WordId>;

const usePages = (typed: string, close: () => void): Found[] => {
  const say = useSay();
  const navigate = useNavigate();
  const wanted = typed.trim().toLowerCase();
  return pages
    .filter(({ word }) => say(word).toLowerCase().includes(wanted))
    .map(({ to, word, Icon }) => ({
      key: to,
      group: 'search.pages',
      shown: (
        <>
          <Icon fontSize="small" sx={{ marginInlineEnd: 1, color: 'text.secondary' }} />
          {say(word)}
        </>
      ),
      go: () => {
        close();
        void navigate({ to });
      },
    }));
};

interface Rows {
  found: Found[];
  state: keyof typeof words;
  /** Why a list does not look for it. */
  refusal?: string | undefined;
}

/** Rows of lists that what is typed may mean; none of what was typed before. */
const useRows = (typed: string, close: () => void): Rows => {
  const navigate = useNavigate();
  const wanted = useSettled(latinDigits(typed).trim());
  const isAsking = wanted.length >= 2;
  const query = <T,>(name: string, read: (options: RequestInit) => Promise<{ items: T[] }>, enabled = true) => ({
    queryKey: ['finder', name, wanted],
    queryFn: async ({ signal }: { signal: AbortSignal }) => (await read({ signal })).items,
    enabled: isAsking && enabled,
    retry: false,
  });
  const order = seek('orders', wanted);
  const orders = useQuery(query('orders', (options) => listOrders({ number: order.number, limit: ROWS }, options), order.number !== undefined));
  const products = useQuery(query('products', (options) => listProducts({ q: wanted, limit: ROWS }, options)));
  const customers = useQuery(query('customers', (options) => listCustomers({ ...seek('customers', wanted), limit: ROWS }, options)));
  const asked = [orders, products, customers];
  const isSettled = wanted === latinDigits(typed).trim();
  if (!isAsking || !isSettled) return { found: [], state: isSettled ? 'answered' : 'asking' };
  const goTo = (to: '/orders/$id' | '/products/$id' | '/customers/$id', id: number) => (): void => {
    close();
    void navigate({ to, params: { id: String(id) } });
  };
  const isOrder = order.number !== undefined;
  const refusal = asked.map((one) => refusalOf(one.error)).find((why) => why !== undefined);
  const hasFailed = asked.some((one) => one.isError && refusalOf(one.error) === undefined);
  const state = asked.some((one) => one.isFetching) ? 'asking' : hasFailed ? 'failed' : 'answered';
  const found: Found[] = [
    ...(isOrder ? (orders.data ?? []) : []).map((one): Found => ({ key: `o${one.id}`, group: 'search.orders', shown: <Latin>{`#${one.number ?? one.id}`}</Latin>, go: goTo('/orders/$id', one.id) })),
    ...(products.data ?? []).map((one): Found => ({ key: `p${one.id}`, group: 'search.products', shown: one.name === null ? <Sentence id="unnamed" /> : <Name>{one.name}</Name>, go: goTo('/products/$id', one.id) })),
    ...(customers.data ?? []).map((one): Found => ({
      key: `c${one.id}`,
      group: 'search.customers',
      shown: <Name>{[one.firstName, one.lastName].filter(Boolean).join(' ') || String(one.id)}</Name>,
      go: goTo('/customers/$id', one.id),
    })),
  ];
  return { found, state, refusal };
};

/** A text, a moment after it changed last. */
const useSettled = (text: string): string => {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
};

export default Finder;
