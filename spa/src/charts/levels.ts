/** Lines of names above each other; more would reach into the chart. */
const LEVELS = 3;

/** A mark on a chart. */
interface Placed {
  /** 0 to 1, along the axis. */
  place: number;
  /** The smaller, the more important: it is named first where names have no room. */
  rank: number;
}

/** On which line the name of each mark stands, so that names beside each other do not lie upon each other; none where no line has room for it. `share` of the width is what a name takes. */
export const levelsOf = (marks: Placed[], share: number): (number | undefined)[] => {
  const taken: number[][] = Array.from({ length: LEVELS }, () => []);
  const levels = new Map<number, number>();
  const byRank = marks.map((mark, index) => ({ ...mark, index })).toSorted((one, other) => one.rank - other.rank);
  for (const { place, index } of byRank) {
    const level = taken.findIndex((places) => places.every((one) => Math.abs(one - place) >= share));
    if (level === -1) continue;
    taken[level]?.push(place);
    levels.set(index, level);
  }
  return marks.map((_, index) => levels.get(index));
};
