import Chip from '@mui/material/Chip';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import type { OrderBody, OrderStateBody } from '../../api/generated/client.schemas';
import { isUnderWay, syncQuery } from '../../api/queries';
import { Latin, Name } from '../../format/shown';
import { useLocale } from '../../words/locale';
import { Sentence } from '../../words/words';
import { statusName, toneOf } from '../../words/statuses';

/** A status by its name. */
export const Status = ({ of }: { of: OrderStateBody }): ReactElement | null => {
  const name = statusName(useLocale(), of);
  return name === null ? null : <Chip size="small" variant="outlined" color={toneOf(of.slug)} label={<Name>{name}</Name>} />;
};

/** Whether an order's details have been read: a list has its total alone. */
export const isOrderRead = ({ subTotal }: Pick<OrderBody, 'subTotal'>): boolean => subTotal !== null;

export const OrderNumber = ({ of }: { of: Pick<OrderBody, 'number'> }): ReactElement =>
  of.number === null ? <Sentence id="unnumbered" /> : <Latin>{`#${of.number}`}</Latin>;

interface PersonNameProps {
  of: { id: number | null; name: string | null };
  /** Whether the details have been read: Salla's lists have no customers. */
  isRead: boolean;
}

/** Who bought. Without a name: somebody who was erased, or a guest, who has no account; while an import is under way, nobody knows yet. */
export const PersonName = ({ of: { id, name }, isRead }: PersonNameProps): ReactElement => {
  // The frame asks for it: a row only looks at what is known.
  const sync = useQuery({ ...syncQuery(), enabled: false });
  if (name !== null) return <Name>{name}</Name>;
  if (!isRead || sync.data === undefined || isUnderWay(sync.data.status)) return <Sentence id="none" />;
  return <Sentence id={id === null ? 'guest' : 'erased'} />;
};
