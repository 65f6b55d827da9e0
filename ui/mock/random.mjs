/** A seeded generator (mulberry32), so that the mock's world is the same every time. */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const letters = "0123456789abcdefghjkmnpqrstvwxyz";
  const text = (length, alphabet = letters) => Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join("");
  return { next, normal, id: (prefix) => `${prefix}_01kb${text(14)}`, hex: (n) => text(n, "0123456789abcdef"), digest: () => `b3:${text(64, "0123456789abcdef")}` };
}

export const round = (value, digits = 4) => Number(value.toFixed(digits));
