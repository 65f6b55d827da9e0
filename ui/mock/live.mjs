import { EVENT_NOW, DAY, eventIso } from "./clock.mjs";

const PACE_MS = 5000;

/** Lets the lap go on: a window closes and something is said about it every few seconds. */
export function live({ world, emit }) {
  let days = 0;
  setInterval(() => {
    days += 1;
    const last = world.watching.windows.at(-1);
    const value = Number((0.22 + 0.02 * Math.sin(days)).toFixed(4));
    const end = eventIso(EVENT_NOW - DAY + days * DAY);
    const next = { ...last, end, start: eventIso(Date.parse(end) - 7 * DAY), state: "ok", metrics: { ...last.metrics, wape: { ...last.metrics.wape, value } } };
    world.watching.windows.push(next);
    world.watching.timeline.points.push({ t: end, value, n: 168, state: "ok" });
    Object.assign(world.watching.monitors[0], { latest: next, watermark: end });
    emit("serving.model_loaded", { kind: "deployment", name: "bikes" }, `bikes/2 checked again (${days})`);
  }, PACE_MS);
}
