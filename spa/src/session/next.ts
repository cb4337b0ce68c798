/** A path of ours: tabs and line ends would be dropped by browsers, and `/` `/` is another site. */
const PATH = /^\/(?![/\\])[^\p{Cc}\\]*$/u;

/** Where to go after log-in: a page of ours, whatever an address says. */
export const safeNext = (next: unknown): string => (typeof next === 'string' && PATH.test(next) && !next.startsWith('/login') ? next : '/');
