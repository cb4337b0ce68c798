import { logIn } from './people';
import { settledMerchant } from './settled';
import { expect, test } from './watched';

/** Bounds of the largest paint (ms), as the machine is and with a CPU four times slower. */
const PAINT = { asIs: 1_500, slow: 2_500 };
const SHIFT = 0.01;
/** The paint is the median of so many loads, the shift the largest. */
const LOADS = 3;

interface Seen {
  paint: number;
  shift: number;
}

for (const [name, rate, bound] of [['as the machine is', 1, PAINT.asIs], ['with a CPU four times slower', 4, PAINT.slow]] as const) {
  test(`the dashboard of a phone is painted soon, and nothing moves afterwards (${name})`, async ({ page, locale, browserName }, info) => {
    test.skip(browserName !== 'chromium', 'only Chromium is slowed down');
    await page.setViewportSize({ width: 390, height: 844 });
    await logIn(page, locale, await settledMerchant());
    const tools = await page.context().newCDPSession(page);
    await tools.send('Emulation.setCPUThrottlingRate', { rate });
    await page.addInitScript(() => {
      const seen = { paint: 0, shift: 0 };
      (window as unknown as { seen: typeof seen }).seen = seen;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => (seen.paint = entry.startTime))).observe({ type: 'largest-contentful-paint', buffered: true });
      new PerformanceObserver((list) =>
        list.getEntries().forEach((entry) => (seen.shift += (entry as unknown as { hadRecentInput: boolean; value: number }).hadRecentInput ? 0 : (entry as unknown as { value: number }).value)),
      ).observe({ type: 'layout-shift', buffered: true });
    });
    const loads: Seen[] = [];
    for (let load = 0; load < LOADS; load += 1) {
      await page.goto('/');
      await expect(page.locator('.MuiChartsAxis-tickLabel', { hasText: /\d/ }).first()).toBeVisible();
      await page.waitForLoadState('networkidle');
      loads.push(await page.evaluate(() => (window as unknown as { seen: Seen }).seen));
    }
    const median = (of: keyof Seen): number => loads.map((one) => one[of]).toSorted((one, other) => one - other)[Math.floor(LOADS / 2)] ?? 0;
    const seen = { paint: median('paint'), shift: Math.max(...loads.map((one) => one.shift)) };
    const told = `largest paint ${Math.round(seen.paint)} ms of ${bound}, shift ${seen.shift.toFixed(4)} of ${SHIFT}`;
    console.log(`${name}: ${told}`);
    info.annotations.push({ type: 'measured', description: told });
    expect.soft(seen.shift).toBeLessThanOrEqual(SHIFT);
    expect.soft(seen.paint).toBeLessThanOrEqual(bound);
  });
}
