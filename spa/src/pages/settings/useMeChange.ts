import { useMutation, type UseMutationResult, useQueryClient } from '@tanstack/react-query';

import { updateMe } from '../../api/generated/client';
import type { MeBody, MeChangeBody } from '../../api/generated/client.schemas';
import { meQuery } from '../../api/queries';
import { problemText } from '../../shell/problemText';
import { toast } from '../../shell/toasts';
import { useSay } from '../../words/words';

/** Changes the settings; they are shown changed at once, and as they were where it fails. */
export const useMeChange = (): UseMutationResult<MeBody, Error, MeChangeBody, { before: MeBody | undefined }> => {
  const client = useQueryClient();
  const say = useSay();
  const { queryKey } = meQuery();
  return useMutation({
    mutationFn: (change: MeChangeBody) => updateMe(change) as Promise<MeBody>,
    onMutate: async (change) => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      if (before) client.setQueryData(queryKey, { ...before, mailPreferences: { ...before.mailPreferences, ...change.mailPreferences } });
      return { before };
    },
    onSuccess: (me) => client.setQueryData(queryKey, me),
    onError: (error, _change, context) => {
      if (context?.before) client.setQueryData(queryKey, context.before);
      toast(problemText(error, say), 'error');
      // The change may have been made, and only its answer lost.
      void client.invalidateQueries({ queryKey });
    },
  });
};
