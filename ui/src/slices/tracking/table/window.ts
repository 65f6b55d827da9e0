/** Which part of a long row or column of boxes is in sight. */

/** Where each box begins, and at the end where the last one stops. */
export function offsets(sizes: number[]): number[] {
  const out = [0];
  for (const size of sizes) out.push((out.at(-1) ?? 0) + size);
  return out;
}

/** The first and the last box that touch a stretch; `[0, -1]` when there are none. */
export function between(starts: number[], from: number, to: number): [number, number] {
  const count = starts.length - 1;
  if (count <= 0) return [0, -1];
  return [Math.min(count - 1, boxAt(starts, from)), Math.min(count - 1, boxAt(starts, to))];
}

function boxAt(starts: number[], place: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The same for rows of one height, with some more on each side. */
export function rowsBetween(top: number, height: number, rowHeight: number, count: number, spare: number): [number, number] {
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(count - 1, Math.ceil((top + height) / rowHeight) + spare);
  return [Math.min(first, Math.max(0, count - 1)), last];
}
