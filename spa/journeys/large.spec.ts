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
  for (const sort of ['-createdAt', 'createdAt', '-total', 'total']) {
    const times: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      await page.goto('/orders');
      await row.waitFor();
      const answered = page.waitForResponse((response) => response.url().includes('/api/v1/orders?') && response.url().includes('amountFrom'));
      times.push(await until(() => page.goto(`/orders?sort=${encodeURIComponent(sort)}&amountFrom=${100 + time}`).then(() => answered), row));
    }
    await record(`orders sorted ${sort}, loaded`, times);
  }
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
