import type { Page } from '@playwright/test';

/** What was waited for after a click or a letter, in milliseconds from it, by the page's own clock. */
export interface Measured {
  /** Until the frame with what was waited for was painted. */
  total: number;
  /** Until the request was sent, and for how long it was answered; none where nothing was asked. */
  sent?: number;
  answered?: number;
}

interface Awaited {
  /** The event that begins it; a click where none is named. */
  on?: 'click' | 'input';
  /** What must be in the page. */
  selector: string;
  /** What the address of a request contains whose answer is awaited. */
  asks?: string;
}

/** Measures within the page from a click or a letter to the frame that shows what follows: a test's own clicking and waiting takes longer than many pages. */
export const measured = async (page: Page, act: () => Promise<void>, awaited: Awaited): Promise<Measured> => {
  // The page has its listener before the event comes.
  const meter = await page.evaluateHandle(listen, awaited);
  await act();
  return meter.evaluate(({ done }) => done);
};

/** Runs in the page; fails where nothing is seen within a minute. */
const listen = ({ on = 'click', selector, asks }: Awaited): { done: Promise<Measured> } => {
  performance.setResourceTimingBufferSize(10_000);
  const asked = (since: number): PerformanceResourceTiming | undefined =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[]).find((entry) => entry.startTime >= since && decodeURIComponent(entry.name).includes(asks ?? ''));
  const done = new Promise<Measured>((resolve, reject) => {
    setTimeout(() => reject(new Error(`no ${selector} after ${asks ?? on}`)), 60_000);
    const begin = ({ timeStamp }: Event): void => {
      const look = (): void => {
        const request = asks === undefined ? undefined : asked(timeStamp);
        const isThere = document.querySelector(selector) !== null && document.querySelector('[aria-busy="true"]') === null;
        if (!isThere || (asks !== undefined && request === undefined)) {
          requestAnimationFrame(look);
          return;
        }
        // The frame after the one in which it was seen has been painted when its task comes.
        requestAnimationFrame(() =>
          setTimeout(() => resolve({ total: performance.now() - timeStamp, sent: request && request.startTime - timeStamp, answered: request && request.responseEnd - request.startTime })),
        );
      };
      requestAnimationFrame(look);
    };
    addEventListener(on, begin, { capture: true, once: true });
  });
  return { done };
};
