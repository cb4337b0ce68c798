import { describe, expect, it } from 'vitest';

import { stillKept } from './keptAssets';

const day = 86_400_000;

describe('assets of builds before', () => {
  it('what a build replaces is kept from then on, what it makes again is its own', () => {
    expect(stillKept(['a.js', 'b.js'], {}, ['b.js'], 100)).toEqual({ 'a.js': 100 });
  });

  it('what was replaced earlier goes a day after that, however many builds follow', () => {
    const kept = { 'old.js': 0, 'new.js': day / 2 };
    expect(stillKept(['old.js', 'new.js'], kept, [], day)).toEqual({ 'new.js': day / 2 });
  });
});
