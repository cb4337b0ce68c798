import { expect, test as base } from '@playwright/test';

import type { Locale } from '../src/format/locale';
import { localeOf } from './say';

/** What browsers say of answers that are no success: pages deal with these. */
const ANSWERS = /the server responded with a status of|net::ERR_|NetworkError|Failed to load resource/;

/**
 * Playwright writes into a field of Firefox by the property that React watches, then tells of it: React takes that for its own doing
 * and hears nothing. It forgets what it last knew of the field, so that the event counts. A browser's own typing is trusted, and left alone.
 */
const seeWhatIsTyped = (): void => {
  const forget = ({ isTrusted, target }: Event): void => {
    const { _valueTracker: known } = target as { _valueTracker?: { setValue: (value: string) => void } };
    if (!isTrusted) known?.setValue('\0');
  };
  addEventListener('input', forget, true);
};

/**
 * Firefox tells tools only that an error was written to the console, and not which. React writes one for each part that does not come;
 * where the page is left for another, the browser has stopped it, and nothing is wrong.
 */
const spellErrors = (): void => {
  let isLeft = false;
  addEventListener('beforeunload', () => (isLeft = true));
  const write = console.error;
  console.error = (...said: unknown[]) => {
    if (isLeft && said[0] instanceof TypeError) return;
    write(...said.map((one) => (one instanceof Error ? `${one.name}: ${one.message} ${one.stack}` : one)));
  };
};

interface Watched {
  locale: Locale;
  /** What went wrong in any page; a test that means it to empties this. */
  complaints: string[];
}

/** A test whose pages make no error, write none to the console, and break no rule of the policy. */
export const test = base.extend<Watched>({
  locale: async ({}, use, info) => use(localeOf(info.project.name)),
  complaints: [
    async ({ context }, use) => {
      const complaints: string[] = [];
      context.on('console', (message) => {
        if (message.type() === 'error' && !ANSWERS.test(message.text())) complaints.push(`${message.text()} (${message.location().url}:${message.location().lineNumber})`);
      });
      context.on('weberror', (error) => complaints.push(`${error.page()?.url()}: ${error.error().stack ?? String(error.error())}`));
      await context.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
      });
      await context.addInitScript(seeWhatIsTyped);
      await context.addInitScript(spellErrors);
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };
