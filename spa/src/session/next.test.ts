import { describe, expect, it } from 'vitest';

import { safeNext } from './next';

describe('where to go after log-in', () => {
  it('is a page of ours, with what its address says', () => {
    expect(safeNext('/orders?find=%D8%AA%D9%85%D8%B1&cursors=["a"]')).toBe('/orders?find=%D8%AA%D9%85%D8%B1&cursors=["a"]');
  });

  it.each(['//evil.example', '/\\evil.example', '/\t/evil.example', '/\n/evil.example', 'https://evil.example', 'javascript:alert(1)', '/login?next=/login', undefined, 7])(
    'is the first page where an address says %j',
    (next) => {
      expect(safeNext(next)).toBe('/');
    },
  );
});
