/** Lines that are left of a console when its step is over. */
export const LAST_LINES = 10;

/** The last lines, and how many stand before them. */
export function tailOf<T>(lines: T[], whole: boolean): { lines: T[]; left: number } {
  const left = whole ? 0 : Math.max(0, lines.length - LAST_LINES);
  return { lines: left === 0 ? lines : lines.slice(left), left };
}
