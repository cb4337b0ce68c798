import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';

import { logIn } from './people';
import { say } from './say';
import { settledMerchant } from './settled';
import { test } from './watched';

/** A merchant of this many orders; `QAFILA_LARGE` says another number. */
const ORDERS = Number(process.env.QAFILA_LARGE ?? 100_000);
const TIMES = 5;

/** Milliseconds until something is there, after something was done. */
const until = async (act: () => Promise<unknown>, there: Locator): Promise<number> => {
  const began = performance.now();
  await act();
  await there.waitFor({ state: 'visible', timeout: 60_000 });
  return performance.now() - began;
};

const record = async (name: string, times: number[]): Promise<void> => {
  const sorted = times.toSorted((one, other) => one - other);
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0].map(Math.round);
  console.log(`${name.padEnd(28)} median ${median} ms, worst ${worst} ms of ${times.length}`);
  const line = { scenario: 'web_app_large', name, orders: ORDERS, medianMs: median, worstMs: worst, at: new Date().toISOString() };
  await appendFile(join(import.meta.dirname, '../../target/web_app.json'), `${JSON.stringify(line)}\n`);
};

const menu = (page: Page, name: string): Promise<void> => page.getByRole('navigation').first().getByRole('link', { name, exact: true }).click();

test('a large merchant’s pages and lists, measured', async ({ page, locale }) => {
  test.setTimeout(1_200_000);
  await logIn(page, locale, await settledMerchant(ORDERS));
  await page.goto('/settings');
  const row = page.locator('tbody tr').first();
  const lists = [
    ['orders', 'page.orders'],
    ['customers', 'page.customers'],
    ['products', 'page.products'],
  ] as const;
  const pages = [...lists.map(([, word]) => [word, row] as const), ['page.dashboard', page.getByRole('heading', { name: say(locale, 'kpi.sales'), exact: true })] as const];
  for (const [word, there] of pages) {
    const times: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      await menu(page, say(locale, 'page.settings'));
      await page.getByRole('heading', { level: 1, name: say(locale, 'page.settings') }).waitFor();
      times.push(await until(() => menu(page, say(locale, word)), there));
    }
    await record(word, times);
  }
  await page.goto('/orders');
  await row.waitFor();
  /** What is shown is of this request. */
  const shown = async (asks: string): Promise<void> => {
    await page.waitForResponse((response) => decodeURIComponent(response.url()).includes(asks));
    await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
  };
  const act = async (click: Locator, asks: string): Promise<number> => {
    const began = performance.now();
    await Promise.all([shown(asks), click.click()]);
    return performance.now() - began;
  };
  for (const [word, asks] of [['sort.total.down', 'sort=-total'], ['sort.total.up', 'sort=total'], ['sort.createdAt.up', 'sort=createdAt']] as const) {
    await page.getByRole('combobox', { name: say(locale, 'lists.sort') }).click();
    await record(`orders, ${word}`, [await act(page.getByRole('option', { name: say(locale, word) }), asks)]);
  }
  const times: number[] = [];
  for (let time = 0; time < TIMES; time += 1) times.push(await act(page.getByRole('button', { name: say(locale, 'next') }), 'cursor='));
  await record('orders, next page', times);
  await page.goto('/orders');
  await row.waitFor();
  await page.getByRole('button', { name: say(locale, 'lists.filters', { n: 0 }) }).click();
  const status = page.getByRole('combobox', { name: say(locale, 'lists.filter.status') });
  const filtered: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    await status.click();
    filtered.push(await act(page.getByRole('option').nth(time), 'status='));
  }
  await record('orders, a status more', filtered);
  const found: number[] = [];
  for (const typed of ['سارة', 'فهد', 'تمر', '10000042', 'نورة']) {
    await page.goto('/orders');
    await row.waitFor();
    const box = page.getByRole('search').getByRole('textbox');
    const answered = page.waitForResponse((response) => /\/api\/v1\/orders\?.*(name|number)=/.test(response.url()));
    found.push(await until(() => box.fill(typed).then(() => answered), page.getByRole('status').first()));
  }
  await record('orders searched (350 ms wait)', found);
});
