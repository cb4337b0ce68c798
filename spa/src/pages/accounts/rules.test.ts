import { describe, expect, it } from 'vitest';

import { isEmail, isPasswordGood, isStoreName, keptRules } from './rules';

describe('rules of registration', () => {
  it.each([
    ['short1A!', ['classes', 'notName']],
    ['abcdefghijkl', ['length', 'notName']],
    ['Sara-strong-9', ['length', 'classes']],
    ['قافلة-متجري-2026-x', ['length', 'classes', 'notName']],
    ['', []],
  ])('a password %s keeps %j', (password, kept) => {
    expect([...keptRules(password, 'sara@example.com')]).toEqual(kept);
  });

  it('length is counted in characters, not in halves of them', () => {
    expect(isPasswordGood('😀'.repeat(6) + 'aA1', 'a@b')).toBe(false);
    expect(isPasswordGood('😀'.repeat(9) + 'aA1', 'a@b')).toBe(true);
  });

  it.each(['a@b', 'A.b+c@Example.COM ', "o'neil@x-y.sa"])('%s is an address', (email) => {
    expect(isEmail(email)).toBe(true);
  });

  it.each(['', 'a', 'a@', '@b', 'a b@c', 'a@-b.com', 'a@b..c', 'سارة@example.com', `${'x'.repeat(65)}@b.c`])(
    '%s is no address',
    (email) => {
      expect(isEmail(email)).toBe(false);
    },
  );

  it('a store has a name of letters, not of spaces', () => {
    expect([isStoreName('  '), isStoreName('متجر'), isStoreName('x'.repeat(101))]).toEqual([false, true, false]);
  });
});
