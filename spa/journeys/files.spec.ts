import { readFile } from 'node:fs/promises';

import { expectHealthy } from './health';
import { mailTo } from './mailbox';
import { logIn } from './people';
import { say } from './say';
import { settledMerchant } from './settled';
import { expect, test } from './watched';

test('a file is asked for from a report, made, mailed, downloaded and deleted', async ({ page, locale }) => {
  const person = await settledMerchant();
  await logIn(page, locale, person);
  await page.goto('/?period=12m');
  await page.getByRole('link', { name: say(locale, 'export') }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toBeVisible();
  await expectHealthy(page);
  await dialog.getByRole('combobox').nth(1).click();
  await page.getByRole('option', { name: 'CSV' }).click();
  await dialog.getByRole('button', { name: say(locale, 'files.submit') }).click();
  await expect(dialog).toBeHidden();
  const link = page.getByRole('link', { name: say(locale, 'files.download') }).first();
  await expect(link).toBeVisible({ timeout: 60_000 });
  await expectHealthy(page);
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  expect((await readFile(await download.path(), 'utf8')).split('\n').length).toBeGreaterThan(10);
  expect(await mailTo(person.email, /\/download\/|\/reports/)).toBeTruthy();
  await page.getByRole('button', { name: say(locale, 'delete') }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: say(locale, 'delete') }).click();
  await expect(page.getByRole('link', { name: say(locale, 'files.download') })).toHaveCount(0);
});

test('a list is exported as it is narrowed, and an order leads to its page at Salla', async ({ page, locale }) => {
  await logIn(page, locale, await settledMerchant());
  await page.goto(`/orders?status=${encodeURIComponent('["completed"]')}`);
  await page.locator('a[href^="/orders/"]').first().click();
  await expect(page.getByRole('link', { name: say(locale, 'order.atSalla') })).toHaveAttribute('href', /^https:\/\/s\.salla\.sa\/orders\/order\/\w+$/);
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: say(locale, 'export'), exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(say(locale, 'files.only.status', { status: locale === 'ar' ? 'تم التنفيذ' : 'Completed' }))).toBeVisible();
  await expectHealthy(page);
  await dialog.getByRole('combobox').nth(1).click();
  await page.getByRole('option', { name: 'CSV' }).click();
  await dialog.getByRole('button', { name: say(locale, 'files.submit') }).click();
  const link = page.getByRole('link', { name: say(locale, 'files.download') }).first();
  await expect(link).toBeVisible({ timeout: 60_000 });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const [, ...rows] = (await readFile(await download.path(), 'utf8')).trim().split('\n');
  expect(rows.length).toBeGreaterThan(1);
  for (const row of rows) expect(row).toContain('completed');
});

test('what happened is on the bell, and opens its page', async ({ page, locale }) => {
  await logIn(page, locale, await settledMerchant());
  await page.goto('/settings');
  const bell = page.getByRole('button', { name: new RegExp(say(locale, 'bell.label', { n: 0 })) });
  await bell.click();
  await expect(page.getByRole('dialog').getByRole('button').first()).toBeVisible();
  await expectHealthy(page);
});

test('a key for tools is made, shown once, and revoked', async ({ page, locale }) => {
  await logIn(page, locale, await settledMerchant());
  await page.goto('/settings');
  await page.getByLabel(say(locale, 'keys.name')).fill('Power BI');
  await page.getByRole('button', { name: say(locale, 'keys.make') }).click();
  await expect(page.getByText(/qafila_key_/)).toBeVisible();
  await expectHealthy(page);
  await page.reload();
  await expect(page.getByText('Power BI')).toBeVisible();
  await expect(page.getByText(/qafila_key_/)).toHaveCount(0);
  await page.getByRole('button', { name: say(locale, 'keys.revoke.named', { name: 'Power BI' }) }).click();
  await page.getByRole('button', { name: say(locale, 'keys.revoke.sure', { name: 'Power BI' }) }).click();
  await expect(page.getByText('Power BI', { exact: true })).toHaveCount(0);
});

test('Ctrl K goes to a page, an order, a product and a customer, by keys alone', async ({ page, locale }) => {
  await logIn(page, locale, await settledMerchant());
  await page.goto('/settings');
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(say(locale, 'page.orders'));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'orders.title') })).toBeVisible();
  const number = (await page.locator('tbody a').first().innerText()).replace(/\D/g, '');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(number.replace(/\d/g, (digit) => '٠١٢٣٤٥٦٧٨٩'[Number(digit)] ?? digit));
  await expect(page.getByRole('option', { name: `#${number}` })).toBeVisible();
  await expectHealthy(page);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByRole('heading', { name: `#${number}` })).toBeVisible();
});
