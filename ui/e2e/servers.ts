/** Where the servers under test are. */
const given = process.env["PITCREW_URL"];

/** A binary that drives a lap of its own for these journeys. */
export const BINARY: string | null = process.env["PITCREW_BIN"] || null;

const port = (offset: number): number => Number(process.env["PITCREW_E2E_PORT"] ?? "4180") + offset;

export const LAP_PORT = port(0);
export const LAP_DONE_PORT = port(1);
export const FULL_PORT = port(2);
export const EMPTY_PORT = port(3);
export const ERROR_PORT = port(4);
export const UI_PORT = port(5);
export const MANY_PORT = port(6);

const at = (number: number): string => `http://127.0.0.1:${number}`;
export const FULL = at(FULL_PORT);
export const EMPTY = at(EMPTY_PORT);
export const ERROR = at(ERROR_PORT);
/** The mock with fifty thousand runs, which its journeys may delete and rename. */
export const MANY = at(MANY_PORT);

/** Whether a lap has to be driven first. */
export const DRIVES_A_LAP: boolean = !given && BINARY !== null;
/** Answers once the lap is over. */
export const LAP_DONE = at(LAP_DONE_PORT);
/** What answers the API: the server that is named, or the one that the binary starts, or the mock. */
export const BACKEND: string = given ? given.replace(/\/$/, "") : DRIVES_A_LAP ? at(LAP_PORT) : FULL;
/** Whether the UI is the one in `dist` and not the one in the binary, which may be of another day. */
export const SERVES_DIST: boolean = process.env["PITCREW_UI"] === "dist" && BACKEND !== FULL;
/** The server of the journeys. */
export const SERVER: string = SERVES_DIST ? at(UI_PORT) : BACKEND;
/** A server that somebody else filled may lack what a journey needs; a lap and the mock may not. */
export const MAY_LACK: boolean = Boolean(given);
