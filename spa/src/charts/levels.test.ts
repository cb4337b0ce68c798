import { describe, expect, it } from 'vitest';

import { levelsOf } from './levels';

const marks = (...places: number[]) => places.map((place) => ({ place, rank: 1 }));

describe('names of marks', () => {
  it('far from each other they stand on one line', () => {
    expect(levelsOf(marks(0, 0.3, 0.9), 0.15)).toEqual([0, 0, 0]);
  });

  it('near each other they stand above each other, and one without room is left out', () => {
    expect(levelsOf(marks(0.2, 0.22, 0.24, 0.26, 0.5), 0.15)).toEqual([0, 1, 2, undefined, 0]);
  });

  it('the most important ones are named, whatever came before them', () => {
    const crowded = [...marks(0.2, 0.21, 0.22), { place: 0.23, rank: 0 }];
    expect(levelsOf(crowded, 0.15)).toEqual([1, 2, undefined, 0]);
  });
});
