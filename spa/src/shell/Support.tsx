import Link from '@mui/material/Link';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';

import { meQuery } from '../api/queries';
import { Sentence } from '../words/words';
import { supportAddress } from './supportAddress';

/** A link to the operator's support; nothing where the operator names none. A mail is begun with the number that support asks for. */
export const Support = ({ about }: { about?: string | null }): ReactElement | null => {
  const url = useQuery({ ...meQuery(), enabled: false }).data?.supportUrl ?? null;
  if (url === null) return null;
  return (
    <Link href={supportAddress(url, about ?? '')} target="_blank" rel="noreferrer" color="inherit">
      <Sentence id="support" />
    </Link>
  );
};
