import type { Page } from '@playwright/test';

import { expectHealthy } from './health';
import { logIn } from './people';
import { say } from './say';
import { settledMerchant } from './settled';
import { expect, test } from './watched';

/** A picture of a page. Playwright adds a style in Firefox to take it, which the policy forbids: that is no fault of the page. */
const picture = async (page: Page, complaints: string[], path: string, fullPage = true): Promise<void> => {
  const known = complaints.length;
  await page.screenshot({ path, fullPage });
  // What the browser said of it has come when it answers the next question.
  await page.evaluate(() => document.title);
  complaints.length = known;
};

/** Every page of a merchant, with a title that it has. */
const pages = [
  ['/', 'page.dashboard'],
  ['/?period=12m&compare=last-year', 'page.dashboard'],
  ['/orders', 'orders.title'],
  ['/customers', 'customers.page'],
  ['/products', 'products.title'],
  ['/carts', 'carts.title'],
  ['/reports', 'page.files'],
  ['/reconciliations', 'page.reconciliations'],
  ['/connection', 'page.connection'],
  ['/settings', 'page.settings'],
  ['/import', undefined],
  ['/welcome', 'welcome.title'],
  ['/no-such-page', 'page.notFound'],
] as const;

for (const scheme of ['light', 'dark'] as const) {
  test(`every page is whole, in its language and open to everybody (${scheme})`, async ({ page, locale, complaints, browserName }, info) => {
    // Many pages, and Firefox takes seconds for a picture of each.
    test.setTimeout(300_000);
    const person = await settledMerchant();
    await page.emulateMedia({ colorScheme: scheme });
    // Playwright does not tell Firefox what the device prefers: there it is the merchant's choice.
    if (browserName === 'firefox') await page.addInitScript((chosen) => location.protocol.startsWith('http') && localStorage.setItem('qafila.scheme', chosen), scheme);
    await logIn(page, locale, person);
    for (const [address, title] of pages) {
      await test.step(address, async () => {
        await page.goto(address);
        await expect(page.getByRole('heading', { level: 1, name: title && say(locale, title) })).toBeVisible();
        await page.waitForLoadState('networkidle');
        if (title === 'page.dashboard') await expect(page.locator('.MuiChartsAxis-tickLabel', { hasText: /\d/ }).first()).toBeVisible();
        await expectHealthy(page);
        const name = address.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '') || 'dashboard';
        await picture(page, complaints, info.outputPath(`${name}-${scheme}.png`));
      });
    }
    for (const list of ['orders', 'customers', 'products'] as const) {
      await test.step(`${list}/$id`, async () => {
        await page.goto(`/${list}`);
        await page.locator(`a[href^="/${list}/"]`).first().click();
        await expect(page.getByRole('dialog')).toBeVisible();
        await page.waitForLoadState('networkidle');
        await expectHealthy(page);
        await picture(page, complaints, info.outputPath(`${list}-detail-${scheme}.png`), false);
        await page.keyboard.press('Escape');
        await expect(page.getByRole('dialog')).toBeHidden();
      });
    }
  });
}

for (const address of ['/login', '/register', '/forgot-password', '/reset-password#token=x'] as const) {
  test(`the page ${address} is whole`, async ({ page, complaints }, info) => {
    await page.goto(address);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expectHealthy(page);
    await picture(page, complaints, info.outputPath(`${address.replace(/\W+/g, '-')}.png`));
  });
}
