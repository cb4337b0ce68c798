import { expectHealthy } from './health';
import { decideAtSalla, newPerson, register } from './people';
import { freshSeed, makeStore } from './salla';
import { say } from './say';
import { expect, test } from './watched';

test('a store that was denied changes nothing, and can be connected at once', async ({ page, locale }) => {
  const store = await makeStore({ seed: freshSeed(), orders: 5 });
  await register(page, locale, newPerson());
  await page.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(page, store.id, 'deny');
  await expect(page.getByText(say(locale, 'callback.denied'))).toBeVisible();
  await expect(page).toHaveURL(/oauth\/callback$/);
  await expectHealthy(page);
  await page.getByRole('button', { name: say(locale, 'callback.connect') }).click();
  await decideAtSalla(page, store.id, 'approve');
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
});

test('an attempt that was used before is refused and says so', async ({ page, locale }) => {
  const store = await makeStore({ seed: freshSeed(), orders: 5 });
  await register(page, locale, newPerson());
  const answered = page.waitForRequest((request) => request.url().includes('/oauth/callback?'));
  await page.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(page, store.id, 'approve');
  const address = (await answered).url();
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
  const replayed = new URL(address);
  replayed.searchParams.set('code', 'ory_ac_another');
  await page.goto(replayed.href);
  await expect(page.getByText(say(locale, 'callback.stateRefused'))).toBeVisible();
  await expectHealthy(page);
});

test('who begins in Salla’s own store goes on from here', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await page.goto('/oauth/callback?code=ory_ac_x&state=a-state-of-sallas-own');
  await expect(page.getByText(say(locale, 'callback.stateUnknown'))).toBeVisible();
  await expectHealthy(page);
});

test('an answer of Salla’s that holds nothing is said to', async ({ page, locale }) => {
  await register(page, locale, newPerson());
  await page.goto('/oauth/callback');
  await expect(page.getByText(say(locale, 'callback.nothing'))).toBeVisible();
});

test('another store asks first, and takes the place of the first one only after a yes', async ({ page, locale }) => {
  const [first, second] = [await makeStore({ seed: freshSeed(), orders: 5 }), await makeStore({ seed: freshSeed(), orders: 5 })];
  await register(page, locale, newPerson());
  await page.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(page, first.id, 'approve');
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
  const approveSecond = async (): Promise<void> => {
    await page.goto('/connection');
    await page.getByRole('button', { name: say(locale, 'connect.reconnect') }).click();
    await decideAtSalla(page, second.id, 'approve');
    await expect(page.getByRole('heading', { name: say(locale, 'callback.other.title') })).toBeVisible();
  };
  await approveSecond();
  await expectHealthy(page);
  await page.getByRole('link', { name: say(locale, 'callback.other.keep', { current: first.name }) }).click();
  await expect(page.getByRole('heading', { name: say(locale, 'disconnect.title') })).toBeVisible();
  await expect(page.getByRole('main')).toContainText(first.name);
  await approveSecond();
  await page.getByRole('button', { name: say(locale, 'callback.other.submit', { next: second.name }) }).click();
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
  await page.goto('/connection');
  await expect(page.getByRole('main')).toContainText(second.name);
});

test('a store of another account stays theirs', async ({ page, browser, locale, baseURL }) => {
  const store = await makeStore({ seed: freshSeed(), orders: 5 });
  await register(page, locale, newPerson());
  await page.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(page, store.id, 'approve');
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
  const other = await browser.newContext({ baseURL });
  const theirs = await other.newPage();
  await register(theirs, locale, newPerson());
  await theirs.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(theirs, store.id, 'approve');
  await expect(theirs.getByText(say(locale, 'callback.storeTaken'))).toBeVisible();
  await expectHealthy(theirs);
  await other.close();
});

for (const code of ['salla-failed', 'salla-unreachable', 'unavailable'] as const) {
  test(`where the connection cannot be finished (${code}) it says so, and what to do`, async ({ page, locale }) => {
    await register(page, locale, newPerson());
    const status = code === 'unavailable' ? 503 : 502;
    await page.route('**/api/v1/salla/auth/callback', (route) =>
      route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ code, detail: 'x', params: {}, errors: [], status, title: 'x', type: 'about:blank' }) }),
    );
    await page.goto('/oauth/callback?code=ory_ac_x&state=abcdefghij');
    const words = { 'salla-failed': 'callback.sallaFailed', 'salla-unreachable': 'callback.unreachable', unavailable: undefined } as const;
    const word = words[code];
    await expect(page.getByRole('alert')).toContainText(word ? say(locale, word) : say(locale, 'unreachable.title'));
    const button = code === 'salla-failed' ? 'callback.connect' : 'callback.again';
    await expect(page.getByRole('button', { name: say(locale, button) })).toBeVisible();
    await expectHealthy(page);
  });
}

test('a link to claim a store waits for the account, and one that is spent says so', async ({ page, locale }) => {
  await page.goto('/claim#token=spent');
  await expect(page).toHaveURL(/login\?next=/);
  await page.getByRole('link', { name: say(locale, 'login.toRegister') }).click();
  const person = newPerson();
  await page.getByLabel(say(locale, 'field.storeName')).fill(person.storeName);
  await page.getByLabel(say(locale, 'field.email')).fill(person.email);
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await page.getByRole('button', { name: say(locale, 'register.submit') }).click();
  await page.getByRole('button', { name: say(locale, 'claim.submit') }).click();
  await expect(page.getByText(say(locale, 'claim.spent'))).toBeVisible();
  await expectHealthy(page);
});
