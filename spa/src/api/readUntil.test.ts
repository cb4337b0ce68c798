import { QueryClient } from '@tanstack/react-query';
import { describe, expect, it } from 'vitest';

import { readUntil } from './readUntil';

const answering = (answers: (number | Error)[]) => {
  let asked = 0;
  const query = {
    queryKey: ['n'],
    queryFn: (): Promise<number> => {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? 0;
      asked += 1;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  return { query, asked: () => asked };
};

describe('what a command did', () => {
  it('is asked for until an answer shows it, errors between', async () => {
    const client = new QueryClient();
    const { query, asked } = answering([0, new Error('503'), 7]);
    const isShown = await readUntil(client, query, (data) => data === 7);
    expect([isShown, asked(), client.getQueryData(['n'])]).toEqual([true, 3, 7]);
  });

  it('is not waited for without end', async () => {
    let clock = 0;
    const { query } = answering([0]);
    expect(await readUntil(new QueryClient(), query, (data) => data === 7, () => (clock += 20_000))).toBe(false);
  });
});
