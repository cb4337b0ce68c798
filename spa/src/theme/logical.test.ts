import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '..');

/** Styles that name a side of the screen: the right-to-left plugin turns them round where they are meant, and where they are not. */
const SIDES = /\b(?:marginLeft|marginRight|paddingLeft|paddingRight|borderLeft|borderRight|borderTopLeftRadius|borderTopRightRadius|ml|mr|pl|pr)\s*:|\b(?:left|right)\s*:\s*(?:'|\d)/;

describe('styles', () => {
  it('name beginning and end, and no side', () => {
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file) && !/generated|test\.tsx?$/.test(file));
    const found = files.flatMap((file) =>
      readFileSync(join(src, file), 'utf8')
        .split('\n')
        // Margins of a chart are no styles: time runs from left to right in both languages.
        .flatMap((line, index) => (SIDES.test(line) && !line.includes('margin={{') ? [`${file}:${index + 1} ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});
