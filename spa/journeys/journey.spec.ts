import { expectHealthy } from './health';
import { connect, newPerson, register } from './people';
import { freshSeed, makeStore, ownTotals } from './salla';
import { say } from './say';
import { expect, test } from './watched';

const ORDERS = 120;

test('from the first page to the dashboard: register, connect, choose, watch, see', async ({ page, locale }) => {
  const store = await makeStore({ seed: freshSeed(), orders: ORDERS });
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'login.title') })).toBeVisible();
  await page.getByRole('link', { name: say(locale, 'login.toRegister') }).click();
  await register(page, locale, newPerson());
  await expectHealthy(page);
  await connect(page, locale, store.id);
  await expect(page.getByText(store.name)).not.toHaveCount(0);
  await expectHealthy(page);
  await page.getByRole('radio', { name: say(locale, 'period.months', { n: 24 }) }).check();
  await page.getByRole('button', { name: say(locale, 'period.start') }).click();
  await expect(page).toHaveURL(/\/import$/);
  await expect(page.getByRole('progressbar', { name: say(locale, 'import.progress') })).toBeVisible();
  await expectHealthy(page);
  await expect(page.getByText(say(locale, 'import.completed')).first()).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: say(locale, 'import.openDashboard') }).click();
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'page.dashboard') })).toBeVisible();
  await expect(page.getByRole('heading', { name: say(locale, 'kpi.sales'), exact: true })).toBeVisible();
  await page.goto('/orders');
  const { orders } = await ownTotals(store.id);
  await expect(page.getByText(say(locale, 'lists.total.orders', { n: orders }))).toBeVisible();
  await expectHealthy(page);
});
