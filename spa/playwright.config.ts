import { execFileSync } from 'node:child_process';
import { defineConfig } from '@playwright/test';

/** The browsers are the system's: nothing is downloaded. */
const found = (program: string): string | undefined => {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
};

const chromium = {
  browserName: 'chromium' as const,
  launchOptions: {
    executablePath: found('chromium'),
    args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  },
};
const firefox = { browserName: 'firefox' as const, channel: 'moz-firefox', launchOptions: { executablePath: found('firefox-esr') ?? found('firefox') } };

const desktop = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
const arabic = { locale: 'ar-SA', timezoneId: 'Asia/Riyadh' };
/** Days and times are Riyadh's wherever the browser is. */
const english = { locale: 'en-GB', timezoneId: 'UTC' };

export default defineConfig({
  testDir: 'journeys',
  outputDir: '../target/journeys',
  fullyParallel: false,
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: '../target/journeys.json' }]],
  use: { baseURL: process.env.QAFILA_URL ?? 'http://127.0.0.1:18080', trace: 'retain-on-failure', ...arabic },
  projects: [
    { name: 'chromium-ar', use: { ...chromium, ...desktop, ...arabic }, testIgnore: '**/{pictures,large}.spec.ts' },
    { name: 'chromium-ar-phone', use: { ...chromium, ...phone, ...arabic }, testMatch: '**/{journey,pages}.spec.ts' },
    { name: 'chromium-en', use: { ...chromium, ...desktop, ...english }, testMatch: '**/{journey,pages}.spec.ts' },
    { name: 'chromium-en-phone', use: { ...chromium, ...phone, ...english }, testMatch: '**/{journey,pages}.spec.ts' },
    { name: 'firefox-ar', use: { ...firefox, ...desktop, ...arabic }, testIgnore: '**/{pictures,large}.spec.ts' },
    { name: 'pictures-ar', use: { ...chromium, viewport: { width: 1280, height: 860 }, ...arabic }, testMatch: '**/pictures.spec.ts' },
    { name: 'pictures-en', use: { ...chromium, viewport: { width: 1280, height: 860 }, ...english }, testMatch: '**/pictures.spec.ts' },
    { name: 'large', use: { ...chromium, ...desktop, ...arabic }, testMatch: '**/large.spec.ts' },
    { name: 'firefox-en', use: { ...firefox, ...desktop, ...english }, testMatch: '**/{journey,pages}.spec.ts' },
  ],
});
