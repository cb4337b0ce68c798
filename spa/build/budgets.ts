// Prints what the built app weighs, and fails where it is more than it may be. Bounds: kilobytes after gzip.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

interface Chunk {
  file: string;
  imports?: string[];
  isEntry?: boolean;
}

const dist = join(import.meta.dirname, '../dist');
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>;

/** Files of a chunk with all that it imports at once. */
const closure = (key: string, found = new Set<string>()): Set<string> => {
  const chunk = manifest[key];
  if (chunk === undefined || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const one of chunk.imports ?? []) closure(one, found);
  return found;
};

const kilobytes = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0) / 1000;

const keyOf = (ending: string): string => {
  const key = Object.keys(manifest).find((one) => one.endsWith(ending));
  if (key === undefined) throw new Error(`the manifest has no ${ending}`);
  return key;
};

const entryKey = Object.keys(manifest).find((key) => manifest[key]?.isEntry);
if (entryKey === undefined) throw new Error('the manifest has no entry');
const entry = closure(entryKey);
const dashboard = new Set([...entry, ...closure(keyOf('words/ar.ts')), ...closure(keyOf('DashboardPage.tsx')), ...closure(keyOf('TrendChart.tsx'))]);
const charts = [...closure(keyOf('TrendChart.tsx'))].filter((file) => !entry.has(file) && !closure(keyOf('DashboardPage.tsx')).has(file));
const fonts = readdirSync(join(dist, 'assets')).filter((file) => /(arabic|latin)-(400|600)-normal.*woff2$/.test(file) && !file.includes('latin-ext'));

const measured = [
  { name: 'entry with its static imports', of: kilobytes(entry), bound: 250 },
  { name: 'charts of the dashboard', of: kilobytes(charts), bound: 130 },
  { name: 'all JavaScript of a first dashboard', of: kilobytes(dashboard), bound: 330 },
  { name: 'fonts (not compressed again)', of: fonts.reduce((sum, file) => sum + statSync(join(dist, 'assets', file)).size, 0) / 1000, bound: 130 },
];
for (const { name, of, bound } of measured) console.log(`${of > bound ? 'OVER ' : 'ok   '}${of.toFixed(1).padStart(7)} KB of ${bound}  ${name}`);
if (measured.some(({ of, bound }) => of > bound)) process.exit(1);
