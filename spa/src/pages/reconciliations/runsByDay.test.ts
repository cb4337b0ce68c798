import { describe, expect, it } from 'vitest';

import type { ReconciliationBody } from '../../api/generated/client.schemas';
import { runsByDay } from './runsByDay';

const run = (finishedAt: string, summary: Partial<ReconciliationBody['summary']> = {}, cause: string | null = null): ReconciliationBody => ({
  advice: null,
  cause,
  finishedAt,
  resource: 'orders',
  runId: finishedAt,
  startedAt: finishedAt,
  summary: { created: 0, failed: 0, fetched: 5, skipped: 0, unchanged: 5, updated: 0, ...summary },
  windowFrom: finishedAt,
  windowTo: finishedAt,
});

describe('reconciliations by day', () => {
  it('a run belongs to the day in Riyadh on which it ended', () => {
    const days = runsByDay([run('2026-11-28T22:30:00Z'), run('2026-11-28T20:30:00Z')]);
    expect(days.map(({ day }) => day)).toEqual(['2026-11-29', '2026-11-28']);
  });

  it('a day is equal only where every run came to its end and found nothing', () => {
    const at = '2026-11-28T01:00:00Z';
    expect(runsByDay([run(at), run(at)])[0]?.isAllEqual).toBe(true);
    expect(runsByDay([run(at), run(at, { updated: 1 })])[0]?.isAllEqual).toBe(false);
    expect(runsByDay([run(at), run(at, { skipped: 1 })])[0]?.isAllEqual).toBe(false);
    expect(runsByDay([run(at), run(at, {}, 'salla_unavailable')])[0]?.isAllEqual).toBe(false);
  });
});
