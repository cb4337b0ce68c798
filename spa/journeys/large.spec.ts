import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';

import { type Measured, measured } from './meter';
import { logIn, newPerson, type Person } from './people';
import { say } from './say';
import { settledMerchant } from './settled';
import { test } from './watched';

/** A merchant of this many orders; `QAFILA_LARGE` says another number. */
const ORDERS = Number(process.env.QAFILA_LARGE ?? 100_000);
const TIMES = 5;

/** `QAFILA_LARGE_EMAIL` measures one of before again, without an import. */
const largeMerchant = (): Promise<Person> | Person => {
  const email = process.env.QAFILA_LARGE_EMAIL;
  return email === undefined ? settledMerchant(ORDERS) : { ...newPerson(), email };
};

const medianOf = (values: number[]): number => Math.round(values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0);

const record = async (name: string, all: Measured[]): Promise<void> => {
  const of = (part: keyof Measured): number[] => all.map((one) => one[part] ?? 0);
  const figures = { medianMs: medianOf(of('total')), worstMs: Math.round(Math.max(...of('total'))), sentMs: medianOf(of('sent')), answeredMs: medianOf(of('answered')) };
  console.log(`${name.padEnd(28)} median ${figures.medianMs} ms, worst ${figures.worstMs} ms of ${all.length}; sent after ${figures.sentMs} ms, answered in ${figures.answeredMs} ms`);
  const line = { scenario: 'web_app_large', name, orders: ORDERS, ...figures, at: new Date().toISOString() };
  await appendFile(join(import.meta.dirname, '../../target/web_app.json'), `${JSON.stringify(line)}\n`);
};

const menu = (page: Page, name: string): Promise<void> => page.getByRole('navigation').first().getByRole('link', { name, exact: true }).click();

test('a large merchant’s pages and lists, measured', async ({ page, locale }) => {
  test.setTimeout(1_200_000);
  await logIn(page, locale, await largeMerchant());
  await page.goto('/settings');
  const row = page.locator('tbody tr').first();
  const pages = [
    ['page.orders', 'tbody tr'],
    ['page.customers', 'tbody tr'],
    ['page.products', 'tbody tr'],
    ['page.dashboard', '.MuiChartsAxis-tickLabel'],
  ] as const;
  for (const [word, selector] of pages) {
    const times: Measured[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      await menu(page, say(locale, 'page.settings'));
      await page.getByRole('heading', { level: 1, name: say(locale, 'page.settings') }).waitFor();
      times.push(await measured(page, () => menu(page, say(locale, word)), { selector }));
    }
    // The first one also fetches the page's scripts.
    await record(`${word}, first`, times.slice(0, 1));
    await record(word, times.slice(1));
  }
  const listed = (click: Locator, asks: string): Promise<Measured> => measured(page, () => click.click(), { selector: 'tbody tr', asks });
  await page.goto('/orders');
  await row.waitFor();
  for (const [word, asks] of [['sort.total.down', 'sort=-total'], ['sort.total.up', 'sort=total'], ['sort.createdAt.up', 'sort=createdAt']] as const) {
    await page.getByRole('combobox', { name: say(locale, 'lists.sort') }).click();
    await record(`orders, ${word}`, [await listed(page.getByRole('option', { name: say(locale, word) }), asks)]);
  }
  const turned: Measured[] = [];
  for (let time = 0; time < TIMES; time += 1) turned.push(await listed(page.getByRole('button', { name: say(locale, 'next') }), 'cursor='));
  await record('orders, next page', turned);
  await page.goto('/orders');
  await row.waitFor();
  await page.getByRole('button', { name: say(locale, 'lists.filters', { n: 0 }) }).click();
  const status = page.getByRole('combobox', { name: say(locale, 'lists.filter.status') });
  const filtered: Measured[] = [];
  for (let time = 0; time < 3; time += 1) {
    await status.click();
    filtered.push(await listed(page.getByRole('option').nth(time), 'status='));
  }
  await record('orders, a status more', filtered);
  const found: Measured[] = [];
  for (const typed of ['سارة', 'فهد', 'تمر', '10000042', 'نورة']) {
    await page.goto('/orders');
    await row.waitFor();
    // A name of too many people is answered by a sentence.
    await page.getByRole('search').getByRole('textbox').fill(typed.slice(0, -1));
    found.push(await measured(page, () => page.keyboard.insertText(typed.slice(-1)), { on: 'input', selector: 'main [role="status"], main [role="alert"]', asks: `=${typed}` }));
  }
  await record('orders searched (350 ms wait)', found);
});
