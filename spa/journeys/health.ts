import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

import en from '../src/words/en';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What a page never shows. */
const NONSENSE = /\uFFFD|\bNaN\b|\bundefined\b|Invalid Date|\[object Object\]/;

interface Finding {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Holds a page against what every page promises: it fits its width, shows no key and no nonsense, and is open to everybody. */
export const expectHealthy = async (page: Page): Promise<void> => {
  await page.evaluate(() => document.fonts.ready);
  const width = await page.evaluate(() => ({ of: document.documentElement.scrollWidth, in: document.documentElement.clientWidth }));
  expect.soft(width.of, 'no sideways scroll').toBeLessThanOrEqual(width.in);
  const text = await page.evaluate(() => document.body.innerText);
  expect.soft(text).not.toMatch(NONSENSE);
  const shown = new Set(text.split(/\s+/));
  const keys = Object.keys(en).filter((id) => id.includes('.') && shown.has(id));
  expect.soft(keys, 'untranslated').toEqual([]);
  expect.soft(await page.evaluate(() => document.querySelectorAll('h1').length), 'one title').toBe(1);
  // The policy forbids scripts in the page; the protocol of the browser's tools does not run under it.
  await page.evaluate(axe);
  const found = (await page.evaluate(() =>
    (window as unknown as { axe: { run: (options: object) => Promise<{ violations: Finding[] }> } }).axe.run({ resultTypes: ['violations'] }),
  )) as { violations: Finding[] };
  const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect.soft(grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)).toEqual([]);
};
