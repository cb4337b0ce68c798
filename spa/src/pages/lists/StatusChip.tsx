import Chip from '@mui/material/Chip';
import type { ReactElement } from 'react';

import type { ListName } from './search';
import { useStatusName } from './useStatusName';

/** The status of a product or a cart. */
export const StatusChip = ({ list, slug }: { list: ListName; slug: string | null }): ReactElement | null => {
  const nameOf = useStatusName();
  return slug === null ? null : <Chip size="small" label={<bdi>{nameOf(list, slug, null)}</bdi>} />;
};
