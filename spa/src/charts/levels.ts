/** A name above a line takes about this share of a chart's width. */
const SHARE = 0.15;
/** Lines of names above each other; more would reach into the chart. */
const LEVELS = 3;

/** On which line the name of each mark stands, so that names beside each other do not lie upon each other; none where no line has room. Places are 0 to 1, in order. */
export const levelsOf = (places: number[]): (number | undefined)[] => {
  const ends: number[] = Array.from({ length: LEVELS }, () => -1);
  return places.map((place) => {
    const level = ends.findIndex((end) => end <= place);
    if (level === -1) return undefined;
    ends[level] = place + SHARE;
    return level;
  });
};
