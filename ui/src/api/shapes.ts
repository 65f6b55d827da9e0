/** Shapes that every part of the API shares. The source of all types in this folder is `docs/api.md`. */

/** RFC 3339 in UTC with microseconds. */
export type Timestamp = string;

/** JSON has no NaN; the API writes it and the infinities as strings. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

/** One page of a list; `next` asks for the following one. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** What led to something. */
export interface Cause {
  kind: "user" | "alert" | "schedule" | "event" | "pipeline_run" | "release";
  id: string;
  summary: string;
}

/** A reference from one object to another, as events and annotations carry it. */
export interface ObjectLink {
  kind: string;
  id: string;
}
