import { expect, test } from 'vitest';

import { supportAddress } from './supportAddress';

test('a mail to support is about the number that support asks for, a page stays as it is', () => {
  expect(supportAddress('mailto:help@example.com', 'a b&c')).toBe('mailto:help@example.com?subject=Qafila%20a%20b%26c');
  expect(supportAddress('mailto:help@example.com?cc=me@example.com', '7')).toBe('mailto:help@example.com?cc=me%40example.com&subject=Qafila%207');
  expect(supportAddress('mailto:help@example.com?Subject=Shop#x', '7')).toBe('mailto:help@example.com?subject=Qafila%207');
  expect(supportAddress('mailto:help@example.com', '')).toBe('mailto:help@example.com');
  expect(supportAddress('https://example.com/help', '7')).toBe('https://example.com/help');
});
