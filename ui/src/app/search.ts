export interface Entry {
  id: string;
  label: string;
  hint: string;
}

/**
 * How well a text answers a search: a beginning beats a word's beginning beats any place; null is no answer. Several words must all
 * be found, in the label or the hint.
 */
export function score(entry: Entry, words: string[]): number | null {
  const label = entry.label.toLowerCase();
  const all = `${label} ${entry.hint.toLowerCase()}`;
  let sum = 0;
  for (const word of words) {
    const place = all.indexOf(word);
    if (place < 0) return null;
    if (place === 0) sum += 3;
    else if (/[\s/@#-]/.test(all[place - 1] ?? "")) sum += 2;
    else sum += 1;
    if (label === word) sum += 2;
  }
  return sum;
}

/** The entries that answer, best first; equal ones keep their order. Without words all of them. */
export function search<T extends Entry>(entries: T[], text: string): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries;
  return entries
    .map((entry) => ({ entry, score: score(entry, words) }))
    .filter((each): each is { entry: T; score: number } => each.score !== null)
    .toSorted((a, b) => b.score - a.score)
    .map((each) => each.entry);
}
