import Chip from '@mui/material/Chip';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { OrderBody, OrderStateBody } from '../../api/generated/client.schemas';
import { syncQuery } from '../../api/queries';
import { Latin, Name } from '../../format/shown';
import { useLocale } from '../../words/locale';
import { Sentence } from '../../words/words';
import { statusName, toneOf } from '../../words/statuses';

/** A status by its name. */
export const Status = ({ of }: { of: OrderStateBody }): ReactElement | null => {
  const name = statusName(useLocale(), of);
  return name === null ? null : <Chip size="small" variant="outlined" color={toneOf(of.slug)} label={<Name>{name}</Name>} />;
};

export const OrderNumber = ({ of }: { of: Pick<OrderBody, 'number'> }): ReactElement =>
  of.number === null ? <Sentence id="unnumbered" /> : <Latin>{`#${of.number}`}</Latin>;

/** Who bought. Without a name: somebody who was erased, or a guest, who has no account; both are known only once an import has come to its end. */
export const PersonName = ({ of: { id, name } }: { of: { id: number | null; name: string | null } }): ReactElement => {
  const sync = useQuery(syncQuery());
  if (name !== null) return <Name>{name}</Name>;
  if (sync.data?.status !== 'completed') return <Sentence id="none" />;
  return <Sentence id={id === null ? 'guest' : 'erased'} />;
};
