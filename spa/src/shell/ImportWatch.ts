import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

import { isUnderWay, newsCame, polledSyncQuery } from '../api/queries';
import { useSay } from '../words/words';
import { toast } from './toasts';

/** Asks where an import stands, for all pages; when it ends, it is said, and all figures are read again. */
export const ImportWatch = (): null => {
  const { data } = useQuery(polledSyncQuery());
  const client = useQueryClient();
  const say = useSay();
  const status = data?.status;
  const before = useRef(status);
  useEffect(() => {
    const wasUnderWay = before.current !== undefined && isUnderWay(before.current);
    before.current = status ?? before.current;
    if (status !== undefined && isUnderWay(status)) newsCame();
    if (!wasUnderWay || status === undefined || isUnderWay(status)) return;
    if (status === 'completed') toast(say('import.completed.toast'));
    if (status === 'failed') toast(say('import.failed'), 'error');
    void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'sync' });
  }, [status, client, say]);
  return null;
};
