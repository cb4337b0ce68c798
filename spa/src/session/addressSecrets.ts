/** Codes and tokens of the address, taken out of it before anything else happens: they stay in no history and reach no log. */
let secrets = new Map<string, string>();

/** Where secrets wait for a reload of this tab, and no longer. */
const KEPT = 'qafila.kept';
/** Names of what is secret: `#token` of mails, and what Salla sends back. */
const OF_HASH = ['token'];
const OF_CALLBACK = ['code', 'state', 'error', 'error_description', 'scope'];

/** Moves the secrets of this page's address into memory. Called once, before the app starts. */
export const takeSecrets = (): void => {
  const kept = sessionStorage.getItem(KEPT);
  if (kept !== null) secrets = new Map(JSON.parse(kept) as [string, string][]);
  sessionStorage.removeItem(KEPT);
  const url = new URL(location.href);
  const hash = new URLSearchParams(url.hash.slice(1));
  move(hash, OF_HASH);
  url.hash = hash.toString();
  if (url.pathname === '/oauth/callback') move(url.searchParams, OF_CALLBACK);
  if (url.href !== location.href) history.replaceState(history.state, '', url);
};

const move = (parameters: URLSearchParams, names: string[]): void => {
  for (const name of names) {
    const value = parameters.get(name);
    if (value !== null) secrets.set(name, value);
    parameters.delete(name);
  }
};

export const secretOfAddress = (name: string): string | undefined => secrets.get(name);

/** What was redeemed is of no more use. */
export const forgetSecrets = (): void => secrets.clear();

/** Keeps the secrets through a reload, as after a change of language. */
export const keepSecrets = (): void => {
  if (secrets.size > 0) sessionStorage.setItem(KEPT, JSON.stringify([...secrets]));
};
