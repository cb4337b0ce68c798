import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

import { isUnderWay, syncQuery } from '../api/queries';
import { useSay } from '../words/words';
import { toast } from './toasts';

/** When an import ends, it is said on every page, and all figures are read again. */
export const EndOfImport = (): null => {
  const { data } = useQuery(syncQuery());
  const client = useQueryClient();
  const say = useSay();
  const status = data?.status;
  const before = useRef(status);
  useEffect(() => {
    const wasUnderWay = before.current !== undefined && isUnderWay(before.current);
    before.current = status ?? before.current;
    if (!wasUnderWay || status === undefined || isUnderWay(status)) return;
    if (status === 'completed') toast(say('import.completed.toast'));
    if (status === 'failed') toast(say('import.failed'), 'error');
    void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'sync' });
  }, [status, client, say]);
  return null;
};
