/** Salla's simulator, as its harness speaks to it (`deploy/local/salla-sim`). */
const simulator = process.env.QAFILA_SIMULATOR_URL ?? 'http://127.0.0.1:18090';

const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await fetch(`${simulator}/_sim/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} /_sim/${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
};

export interface Store {
  id: number;
  name: string;
  orders: number;
}

/** Makes a store; the same seed makes the same one anew. */
export const makeStore = (plan: { seed: number; orders: number; customers?: number; products?: number; plan?: string }): Promise<Store> =>
  call('POST', 'stores', { customers: Math.ceil(plan.orders / 4) + 1, products: 20, ...plan });

export const ownTotals = (store: number): Promise<{ orders: number; customers: number; products: number }> => call('GET', `stores/${store}/totals`);

/** The next calls fail as is asked for; `{}` ends it. */
export const setFaults = (faults: Record<string, number>): Promise<unknown> => call('PUT', 'faults', faults);

/** A number that no other run of the tests has taken. */
export const freshSeed = (): number => Math.floor(Math.random() * 1_000_000_000);
