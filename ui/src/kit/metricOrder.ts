/** Metrics that say how good a model is stand before counters and losses; of those, the ones people compare first. */
const FIRST = ["mae", "wape", "rmse", "r2", "accuracy", "auc", "f1"];

const rank = (key: string): number => {
  const place = FIRST.indexOf(key);
  return place < 0 ? FIRST.length : place;
};

/** Metric names in the order in which they are worth reading. Equal ones keep their order. */
export const byWorth = (keys: string[]): string[] => keys.toSorted((a, b) => rank(a) - rank(b));
