import { describe, expect, it } from 'vitest';

import { levelsOf } from './levels';

describe('names of marks', () => {
  it('far from each other they stand on one line', () => {
    expect(levelsOf([0, 0.3, 0.9])).toEqual([0, 0, 0]);
  });

  it('near each other they stand above each other, and one without room is left out', () => {
    expect(levelsOf([0.2, 0.22, 0.24, 0.26, 0.5])).toEqual([0, 1, 2, undefined, 0]);
  });
});
