import { useMutation, type UseMutationResult, useQueryClient } from '@tanstack/react-query';

import { expectNews, newsCame, syncQuery } from '../../api/queries';
import { readUntil } from '../../api/readUntil';
import { problemText } from '../../shell/problemText';
import { toast } from '../../shell/toasts';
import { useSay } from '../../words/words';

/** A command to the import; what is shown of it is read again after it. */
export const useImportCommand = (command: () => Promise<unknown>, isShown: (status: string) => boolean, done: () => void): UseMutationResult<unknown, Error, void> => {
  const client = useQueryClient();
  const say = useSay();
  return useMutation({
    mutationFn: command,
    onSuccess: async () => {
      // Before it is read: what is read makes the clock of the page that polls.
      expectNews();
      const isSeen = await readUntil(client, syncQuery(), ({ status }) => isShown(status));
      if (!isSeen) {
        toast(say('onTheWay'), 'info');
        return;
      }
      newsCame();
      done();
    },
    onError: async (error) => {
      toast(problemText(error, say), 'error');
      await client.invalidateQueries({ queryKey: ['sync'] });
    },
  });
};
