import { expectHealthy } from './health';
import { mailTo } from './mailbox';
import { logIn, newPerson, register } from './people';
import { say } from './say';
import { expect, test } from './watched';

test('an address that is registered is said at its field, with the two ways on', async ({ page, browser, locale, baseURL }) => {
  const person = newPerson();
  await register(page, locale, person);
  const other = await browser.newContext({ baseURL });
  const again = await other.newPage();
  await again.goto('/register');
  await again.getByLabel(say(locale, 'field.storeName')).fill(person.storeName);
  await again.getByLabel(say(locale, 'field.email')).fill(person.email);
  await again.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await again.getByRole('button', { name: say(locale, 'register.submit') }).click();
  await expect(again.getByText(say(locale, 'email.taken'))).toBeVisible();
  await expect(again.getByLabel(say(locale, 'field.email'))).toBeFocused();
  await expectHealthy(again);
  await again.getByRole('link', { name: say(locale, 'email.taken.login'), exact: true }).click();
  await expect(again.getByRole('heading', { level: 1, name: say(locale, 'login.title') })).toBeVisible();
  await other.close();
});

test('a password is held against its rules as it is typed, and an empty form says what is missing', async ({ page, locale }) => {
  await page.goto('/register');
  await page.getByRole('button', { name: say(locale, 'register.submit') }).click();
  await expect(page.getByText(say(locale, 'storeName.form'))).toBeVisible();
  await expect(page.getByLabel(say(locale, 'field.storeName'))).toBeFocused();
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill('short');
  await expect(page.getByText(say(locale, 'password.length'))).toBeVisible();
  await expectHealthy(page);
});

test('a wrong password is said in one sentence, and input stays', async ({ page, locale }) => {
  await page.goto('/login');
  await page.getByLabel(say(locale, 'field.email')).fill('unknown@example.com');
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill('not-this-one-1');
  await page.getByRole('button', { name: say(locale, 'login.submit') }).click();
  await expect(page.getByText(say(locale, 'login.wrong'))).toBeVisible();
  await expect(page.getByLabel(say(locale, 'field.email'))).toHaveValue('unknown@example.com');
  await expectHealthy(page);
});

test('asking for a forgotten password is answered the same for every address', async ({ page, locale }) => {
  await page.goto('/forgot-password');
  await page.getByLabel(say(locale, 'field.email')).fill('unknown@example.com');
  await page.getByRole('button', { name: say(locale, 'forgot.submit') }).click();
  await expect(page.getByText(say(locale, 'forgot.sent'))).toBeVisible();
  await expectHealthy(page);
});

test('a forgotten password is set anew with the link of the mail, once', async ({ page, context, locale }) => {
  const person = newPerson();
  await register(page, locale, person);
  await context.clearCookies();
  await page.goto('/forgot-password');
  await page.getByLabel(say(locale, 'field.email')).fill(person.email);
  await page.getByRole('button', { name: say(locale, 'forgot.submit') }).click();
  const link = /http\S+reset-password#token=\S+/.exec(await mailTo(person.email, /reset-password#token=/))?.[0] ?? '';
  await page.goto(link);
  await expect(page).toHaveURL(/reset-password$/);
  const password = 'Caravan-of-1003-dates';
  await page.getByLabel(say(locale, 'field.newPassword')).fill(password);
  await page.getByRole('button', { name: say(locale, 'reset.submit') }).click();
  await expect(page.getByText(say(locale, 'reset.done'))).toBeVisible();
  await logIn(page, locale, { ...person, password });
});

test('a link that was used, or lacks its code, leads to another', async ({ page, locale }) => {
  await page.goto('/reset-password#token=spent');
  await expect(page).toHaveURL(/reset-password$/);
  await page.getByLabel(say(locale, 'field.newPassword')).fill('Caravan-of-1002-dates');
  await page.getByRole('button', { name: say(locale, 'reset.submit') }).click();
  await expect(page.getByText(say(locale, 'reset.spent'))).toBeVisible();
  await expectHealthy(page);
  await page.goto('/reset-password');
  await page.reload();
  await expect(page.getByText(say(locale, 'reset.noToken'))).toBeVisible();
});

test('a page that needs a session leads back to itself after log-in', async ({ page, browser, locale, baseURL }) => {
  const person = newPerson();
  await register(page, locale, person);
  const other = await browser.newContext({ baseURL });
  const later = await other.newPage();
  await later.goto('/settings');
  await expect(later).toHaveURL(/login\?next=/);
  await later.getByLabel(say(locale, 'field.email')).fill(person.email);
  await later.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await later.getByRole('button', { name: say(locale, 'login.submit') }).click();
  await expect(later.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
  await other.close();
});

test('three tabs stay logged in together, and a log-out ends them all', async ({ page, context, locale }) => {
  const person = newPerson();
  await register(page, locale, person);
  const tabs = [page, await context.newPage(), await context.newPage()];
  await Promise.all(tabs.map((tab) => tab.goto('/settings')));
  for (const tab of tabs) await expect(tab.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
  await Promise.all(tabs.map((tab) => tab.reload()));
  for (const tab of tabs) await expect(tab.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
  await page.getByRole('button', { name: say(locale, 'menu.account') }).click();
  await page.getByRole('menuitem', { name: say(locale, 'logOut') }).click();
  for (const tab of tabs) await expect(tab.getByRole('heading', { level: 1, name: say(locale, 'login.title') })).toBeVisible();
  for (const other of tabs.slice(1)) await expect(other).toHaveURL(/login\?next=%2Fsettings$/);
  await logIn(page, locale, person);
});

test('without a network what is shown stays, and it is read again when it is back', async ({ page, context, locale, complaints }) => {
  await register(page, locale, newPerson());
  await page.goto('/settings');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText(say(locale, 'offline'))).toBeVisible();
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText(say(locale, 'offline'))).toBeHidden();
  complaints.length = 0;
});

test('a gateway that cannot be reached is no log-out', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await page.route('**/api/v1/auth/refresh', (route) => route.abort());
  await page.goto('/settings');
  await expect(page.getByText(say(locale, 'unreachable.title')).first()).toBeVisible();
  await page.unroute('**/api/v1/auth/refresh');
  await page.getByRole('button', { name: say(locale, 'tryAgain') }).click();
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'page.settings') })).toBeVisible();
});
