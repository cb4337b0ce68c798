import type { Page } from '@playwright/test';

import type { SyncStatusBody } from '../src/api/generated/client.schemas';
import { expectHealthy } from './health';
import { connect, newPerson, register } from './people';
import { freshSeed, makeStore, setFaults } from './salla';
import { say } from './say';
import { expect, test } from './watched';

/** An import in the middle of its details, as the API tells it. */
const running: SyncStatusBody = {
  advice: null,
  cause: null,
  completedAt: null,
  connectionId: '0198f0c0-0000-7000-8000-000000000001',
  depthInMonths: 24,
  etaSeconds: 5_100,
  jobId: '0198f0c0-0000-7000-8000-000000000002',
  pausedUntil: null,
  phases: [
    { name: 'list', resource: 'orders', done: 12_400, total: 12_400, skipped: 2 },
    { name: 'list', resource: 'customers', done: 3_000, total: 3_000, skipped: 0 },
    { name: 'list', resource: 'products', done: 240, total: 240, skipped: 0 },
    { name: 'hydrate', resource: 'orders', done: 6_200, total: 12_400, skipped: 0 },
  ],
  progressPercentage: 57.9,
  ratePerMinute: 118,
  runId: '0198f0c0-0000-7000-8000-000000000003',
  startedAt: '2026-11-29T06:00:00Z',
  status: 'running',
  store: { id: 1, name: 'متجر التمور' },
  waitsFor: null,
} as unknown as SyncStatusBody;

const told = async (page: Page, status: Partial<SyncStatusBody>): Promise<void> => {
  await page.unroute('**/api/v1/sync/status');
  await page.route('**/api/v1/sync/status', (route) => route.fulfill({ json: { ...running, ...status } }));
};

test('a running import says how far it is, what is usable, what is left and who sets the pace', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await told(page, {});
  await page.goto('/import');
  const bar = page.getByRole('progressbar', { name: say(locale, 'import.progress') });
  await expect(bar).toHaveAttribute('aria-valuenow', '57');
  await expect(page.getByText(say(locale, 'import.dashboardReady'))).toBeVisible();
  await expect(page.getByText(say(locale, 'import.unreadable', { n: 2 }))).toBeVisible();
  await expect(page).toHaveTitle(/57/);
  await expectHealthy(page);
  await told(page, { phases: running.phases.map((phase) => (phase.name === 'hydrate' ? { ...phase, total: 15_500 } : phase)), progressPercentage: 48 });
  await expect(bar).toHaveAttribute('aria-valuenow', '48');
  await expect(page.getByText('15,500').first()).toBeVisible();
  await told(page, { phases: running.phases.map((phase) => ({ ...phase, done: phase.total ?? 0 })), progressPercentage: 99.6 });
  await expect(page.getByText(say(locale, 'import.step.count.active'))).toBeVisible();
  await expect(bar).toHaveAttribute('aria-valuenow', '99');
});

test('a running import is asked for by one clock, however many rows of a list look at it', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await told(page, {});
  let asked = 0;
  page.on('request', (request) => (asked += request.url().endsWith('/api/v1/sync/status') ? 1 : 0));
  await page.clock.install();
  await page.goto('/import');
  await expect(page.getByRole('progressbar').first()).toBeVisible();
  const before = asked;
  for (let polls = 1; polls <= 4; polls += 1) {
    await page.clock.runFor(3_000);
    await expect.poll(() => asked - before).toBeGreaterThanOrEqual(polls);
  }
  expect(asked - before).toBeLessThanOrEqual(5);
});

test('an import that waits for its turn says so', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await told(page, { status: 'requested', progressPercentage: 0, phases: [], etaSeconds: null, ratePerMinute: null });
  await page.goto('/import');
  await expect(page.getByText(say(locale, 'import.starting'))).toBeVisible();
  await expect(page.getByText(say(locale, 'import.waiting'))).toBeVisible({ timeout: 20_000 });
});

const paused: [string, string | null][] = [
  ['salla_blocks_us', 'salla'],
  ['source_disagrees', 'salla'],
  ['internal_trouble', 'qafila'],
  ['refresh_answer_lost', 'merchant'],
  ['access_refused', 'merchant'],
];

for (const [cause, waitsFor] of paused) {
  test(`a pause says why, and what happens or is to be done: ${cause}`, async ({ page, locale }) => {
    await register(page, locale, newPerson());
    await told(page, { status: 'paused', cause, waitsFor, advice: 'نصيحة', pausedUntil: waitsFor === 'merchant' ? null : '2026-11-29T19:20:00Z' });
    await page.goto('/import');
    await expect(page.getByText(say(locale, 'import.paused')).first()).toBeVisible();
    await expect(page.getByText('نصيحة')).toBeVisible();
    if (waitsFor === 'merchant') await expect(page.getByRole('link', { name: say(locale, 'import.reconnect') })).toBeVisible();
    else await expect(page.getByText(locale === 'ar' ? '10:20' : '22:20')).toBeVisible();
    await expectHealthy(page);
  });
}

const failed: [string, 'import.resume' | 'import.reconnect'][] = [
  ['salla_unavailable', 'import.resume'],
  ['salla_unreadable', 'import.resume'],
  ['salla_refused', 'import.resume'],
  ['too_many_invalid_rows', 'import.resume'],
  ['scope_missing', 'import.reconnect'],
  ['not_connected', 'import.reconnect'],
  ['a_cause_of_tomorrow', 'import.resume'],
];

for (const [cause, button] of failed) {
  test(`a failure says what is kept, and has one button: ${cause}`, async ({ page, locale }) => {
    await register(page, locale, newPerson());
    const isKnown = cause !== 'a_cause_of_tomorrow';
    await told(page, { status: 'failed', cause, waitsFor: null, advice: isKnown ? 'نصيحة' : null });
    await page.goto('/import');
    await expect(page.getByText(say(locale, 'import.failed')).first()).toBeVisible();
    await expect(page.getByText(isKnown ? 'نصيحة' : cause)).toBeVisible();
    await expect(page.getByText(running.jobId ?? '')).toBeVisible();
    const what = button === 'import.resume' ? page.getByRole('button', { name: say(locale, button) }) : page.getByRole('link', { name: say(locale, button) });
    await expect(what).toBeVisible();
    await expectHealthy(page);
  });
}

test('an import of which nothing is heard says when it was heard last', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await told(page, {});
  await page.goto('/import');
  await expect(page.getByRole('progressbar').first()).toBeVisible();
  await page.unroute('**/api/v1/sync/status');
  await page.route('**/api/v1/sync/status', (route) => route.abort());
  const silent = say(locale, 'import.silent', { ago: '' }).split('.')[0] ?? '';
  await expect(page.getByText(silent.trim().slice(0, 6)).first()).toBeVisible({ timeout: 60_000 });
});

test('an import that Salla fails is stopped, and started again to its end', async ({ page, locale }) => {
  const store = await makeStore({ seed: freshSeed(), orders: 60 });
  await register(page, locale, newPerson());
  await connect(page, locale, store.id);
  await setFaults({ chance_5xx: 1 });
  try {
    await page.getByRole('button', { name: say(locale, 'period.start') }).click();
    await expect(page).toHaveURL(/\/import$/);
    await page.getByRole('button', { name: say(locale, 'import.stop') }).click();
    await page.getByRole('dialog').getByRole('button', { name: say(locale, 'import.stop') }).click();
    await expect(page.getByText(say(locale, 'import.cancelled')).first()).toBeVisible({ timeout: 30_000 });
  } finally {
    await setFaults({});
  }
  await expectHealthy(page);
  await page.getByRole('link', { name: say(locale, 'import.restart') }).click();
  await page.getByRole('button', { name: say(locale, 'period.start') }).click();
  await expect(page.getByText(say(locale, 'import.completed')).first()).toBeVisible({ timeout: 90_000 });
});
