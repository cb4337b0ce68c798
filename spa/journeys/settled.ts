import { newAddress, newPerson, type Person } from './people';
import { freshSeed, makeStore } from './salla';

const gateway = process.env.QAFILA_URL ?? 'http://127.0.0.1:18080';
/** Enough for several pages of every list. */
const ORDERS = 400;

let known: Promise<Person> | undefined;

/** A merchant whose import is complete, made once for all tests of a worker; over the API, as the pages of it have tests of their own. */
export const settledMerchant = (orders = ORDERS): Promise<Person> => (known ??= make(orders));

const make = async (orders: number): Promise<Person> => {
  const person = newPerson();
  const store = await makeStore({ seed: freshSeed(), orders, products: 30 });
  const { accessToken } = await call<{ accessToken: string }>('POST', 'auth/register', { ...person, locale: 'ar' });
  const { authorizationUrl } = await call<{ authorizationUrl: string }>('GET', 'salla/auth/url', undefined, accessToken);
  const approved = await fetch(`${authorizationUrl}&sim_store=${store.id}&sim_decision=approve`, { redirect: 'manual' });
  const back = new URL(approved.headers.get('location') ?? '').searchParams;
  await call('POST', 'salla/auth/callback', { code: back.get('code'), state: back.get('state') }, accessToken);
  await call('POST', 'sync/initial', { depthInMonths: 24 }, accessToken);
  const deadline = Date.now() + 100_000 + 10 * orders;
  for (;;) {
    const { status } = await call<{ status: string }>('GET', 'sync/status', undefined, accessToken);
    if (status === 'completed' && (await areFiguresComplete(accessToken))) return person;
    if (Date.now() > deadline) throw new Error(`the import is ${status} and not completed`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
};

/** Reports know a moment later that all has come; until then they say so, and their pages move. */
const areFiguresComplete = async (token: string): Promise<boolean> => {
  const today = new Date().toISOString().slice(0, 10);
  const { completeTo } = await call<{ completeTo: string | null }>('GET', `reports/summary?from=${today}&to=${today}`, undefined, token);
  return completeTo !== null;
};

const call = async <T>(method: string, path: string, body?: unknown, token?: string): Promise<T> => {
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': newAddress(), ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(`${gateway}/api/v1/${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
};
