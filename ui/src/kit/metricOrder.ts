/** Metrics that say how good a model is stand before counters and losses; of those, the ones people compare first. */
const FIRST = ["mae", "wape", "rmse", "r2", "accuracy", "auc", "f1"];

/** Whether a metric tells of the machine that a run was on rather than of the run: MLflow's client and pipelines write those under this. */
export const ofMachine = (key: string): boolean => key.startsWith("system/");

const rank = (key: string): number => {
  const place = FIRST.indexOf(key);
  if (place >= 0) return place;
  // Then losses, what has a plain name, and last what a library logs by the hundred under a path.
  if (/loss/i.test(key)) return FIRST.length;
  return FIRST.length + (ofMachine(key) ? 3 : key.includes("/") ? 2 : 1);
};

/** Metrics for which less is better; for the others, and for unknown ones, more is. */
const LESS_IS_BETTER = /mae|mse|rmse|wape|mape|error|loss/i;
/** Those have a sign, and the best of them is none. */
const ZERO_IS_BEST = /bias/i;

/** Whether it is known which way a metric is better. */
export const hasBest = (key: string): boolean => LESS_IS_BETTER.test(key) || ZERO_IS_BEST.test(key) || /acc|auc|f1|r2|precision|recall|score/i.test(key);

/** Whether the first value of a metric is better than the second. */
export function isBetter(key: string, value: number, other: number): boolean {
  if (ZERO_IS_BEST.test(key)) return Math.abs(value) < Math.abs(other);
  return LESS_IS_BETTER.test(key) ? value < other : value > other;
}

/** Metric names in the order in which they are worth reading. Equal ones keep their order. */
export const byWorth = (keys: string[]): string[] => keys.toSorted((a, b) => rank(a) - rank(b));
