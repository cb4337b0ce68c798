import { expect, type Page } from '@playwright/test';

import type { Locale } from '../src/format/locale';
import { say } from './say';

/** A merchant who is made for a test. */
export interface Person {
  email: string;
  password: string;
  storeName: string;
}

let made = 0;

export const newPerson = (): Person => {
  made += 1;
  return { email: `shop-${process.pid}-${Date.now()}-${made}@example.com`, password: 'Caravan-of-1001-dates', storeName: 'متجر التمور' };
};

/** An address of a client: one address may not register as many merchants as the tests do. The local stack believes it. */
export const newAddress = (): string => `10.${[0, 1, 2].map(() => Math.floor(Math.random() * 256)).join('.')}`;

/** Makes an account on its page. */
export const register = async (page: Page, locale: Locale, person: Person): Promise<void> => {
  await page.goto('/register');
  const asked = '**/api/v1/auth/register';
  await page.route(asked, (route) => route.continue({ headers: { ...route.request().headers(), 'x-forwarded-for': newAddress() } }));
  await page.getByLabel(say(locale, 'field.storeName')).fill(person.storeName);
  await page.getByLabel(say(locale, 'field.email')).fill(person.email);
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await page.getByRole('button', { name: say(locale, 'register.submit') }).click();
  await expect(page.getByRole('heading', { level: 1, name: say(locale, 'welcome.title') })).toBeVisible();
  await page.unroute(asked);
};

/** Logs in on its page. */
export const logIn = async (page: Page, locale: Locale, person: Person): Promise<void> => {
  await page.goto('/login');
  await page.getByLabel(say(locale, 'field.email')).fill(person.email);
  await page.getByLabel(say(locale, 'field.password'), { exact: true }).fill(person.password);
  await page.getByRole('button', { name: say(locale, 'login.submit') }).click();
  await expect(page).not.toHaveURL(/login/);
  // A page that is left while it begins has parts that never come.
  await expect(page.locator('main h1')).toBeVisible();
  await page.waitForLoadState('networkidle');
};

/** Approves or denies a store on the simulator's page, which stands for Salla's. */
export const decideAtSalla = async (page: Page, store: number, decision: 'approve' | 'deny'): Promise<void> => {
  await page.locator(`a[href*="sim_store=${store}&sim_decision=${decision}"]`).click();
};

/** Connects a store and comes back to the choice of a period. */
export const connect = async (page: Page, locale: Locale, store: number): Promise<void> => {
  await page.getByRole('button', { name: say(locale, 'connect.submit') }).click();
  await decideAtSalla(page, store, 'approve');
  await expect(page.getByRole('heading', { name: say(locale, 'period.title') })).toBeVisible();
};
