import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import sharp from 'sharp';

import { connect, logIn, newPerson } from './people';
import { freshSeed, makeStore } from './salla';
import { say } from './say';
import { settledMerchant } from './settled';
import { expect, test } from './watched';

/** Where the README's pictures are. */
const FOLDER = join(import.meta.dirname, '../../docs/pictures');
/** Milliseconds for which a frame of the walk is seen. */
const SEEN = 1_800;
const WIDTH = 960;

const chartDrawn = (page: Page): Promise<void> => expect(page.locator('.MuiChartsAxis-tickLabel', { hasText: /\d/ }).first()).toBeVisible();

test('the dashboard, as the README shows it', async ({ page, locale }) => {
  await mkdir(FOLDER, { recursive: true });
  await logIn(page, locale, await settledMerchant(3_000));
  await page.goto('/?period=90d');
  await chartDrawn(page);
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(FOLDER, `dashboard-${locale}.png`) });
});

test('the walk from registration to the dashboard, as the README shows it', async ({ page, locale }) => {
  test.skip(locale !== 'en', 'one walk is enough');
  const store = await makeStore({ seed: freshSeed(), orders: 2_000, customers: 500, products: 60 });
  const frames: Buffer[] = [];
  const take = async (): Promise<void> => {
    await page.evaluate(() => document.fonts.ready);
    frames.push(await sharp(await page.screenshot()).resize(WIDTH).png().toBuffer());
  };
  const person = newPerson();
  await page.goto('/register');
  await page.getByLabel(say(locale, 'field.storeName')).fill(person.storeName);
  await page.getByLabel(say(locale, 'field.email')).fill('shop@example.com');
  await take();
  await page.getByLabel(say(locale, 'field.email')).fill(person.email);
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await page.getByRole('button', { name: say(locale, 'register.submit') }).click();
  await expect(page.getByRole('button', { name: say(locale, 'connect.submit') })).toBeVisible();
  await take();
  await connect(page, locale, store.id);
  await expect(page.getByText(say(locale, 'period.estimating'))).toHaveCount(0);
  await take();
  await page.getByRole('button', { name: say(locale, 'period.start') }).click();
  await expect(page.getByText(say(locale, 'import.step.lists'))).toBeVisible();
  await take();
  for (const percent of [50]) {
    await expect
      .poll(async () => Number((await page.getByRole('progressbar').first().getAttribute('aria-valuenow').catch(() => '100')) ?? 100), { timeout: 60_000 })
      .toBeGreaterThanOrEqual(percent);
    await take();
  }
  await expect(page.getByText(say(locale, 'import.completed')).first()).toBeVisible({ timeout: 90_000 });
  await take();
  await page.getByRole('link', { name: say(locale, 'import.openDashboard') }).click();
  await chartDrawn(page);
  await page.waitForLoadState('networkidle');
  await take();
  await sharp(frames, { join: { animated: true } })
    .webp({ quality: 80, loop: 0, delay: frames.map(() => SEEN) })
    .toFile(join(FOLDER, 'walk.webp'));
});
