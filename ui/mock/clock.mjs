/** The lap's two times: event time in 2012, and the wall time at which the replay reached it. */
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const EVENT_START = Date.UTC(2012, 0, 1);
export const EVENT_NOW = Date.UTC(2012, 5, 18, 5);
const REPLAY_MS = 24 * 60_000;

export const WALL_NOW = Date.now();
const WALL_START = WALL_NOW - REPLAY_MS;

/** RFC 3339 with microseconds, as the API writes times. */
export const iso = (ms) => new Date(ms).toISOString().replace("Z", "000Z");
/** The wall time at which the replay reached an event time. */
export const wallMs = (eventMs) => WALL_START + ((eventMs - EVENT_START) / (EVENT_NOW - EVENT_START)) * REPLAY_MS;
export const wall = (eventMs) => iso(wallMs(eventMs));
export const day = (month, date, hour = 0) => Date.UTC(2012, month - 1, date, hour);
/** Event times keep whole seconds, as the table has them. */
export const eventIso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
