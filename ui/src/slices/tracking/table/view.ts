/** What the table of runs shows, and its way into the page's address and back. The address holds all of it, so a link is the view. */

export interface SortOrder {
  column: string;
  down: boolean;
}

export type Lifecycle = "active" | "deleted";

export interface RunsView {
  /** The experiment's name; empty for all of them. */
  experiment: string;
  filter: string;
  /** `null` is the server's own order: the newest first. */
  order: SortOrder | null;
  /** Ids of the columns after the name; `null` while nobody chose any. */
  columns: string[] | null;
  /** The id of the parameter or tag that the rows are grouped by; empty for none. */
  group: string;
  lifecycle: Lifecycle;
  /** Widths that somebody set by hand, in pixels. */
  widths: Record<string, number>;
}

export const EMPTY_VIEW: RunsView = { experiment: "", filter: "", order: null, columns: null, group: "", lifecycle: "active", widths: {} };

const NARROWEST = 56;
const WIDEST = 720;
export const fitWidth = (width: number): number => Math.round(Math.min(WIDEST, Math.max(NARROWEST, width)));

export function readView(search: URLSearchParams): RunsView {
  const columns = search.getAll("col");
  return {
    experiment: search.get("experiment") ?? "",
    filter: search.get("filter") ?? "",
    order: readOrder(search.get("order")),
    columns: columns.length === 0 ? null : [...new Set(columns)].filter((id) => id !== ""),
    group: search.get("group") ?? "",
    lifecycle: search.get("view") === "deleted" ? "deleted" : "active",
    widths: readWidths(search.getAll("width")),
  };
}

export function writeView(view: RunsView): URLSearchParams {
  const search = new URLSearchParams();
  if (view.experiment !== "") search.set("experiment", view.experiment);
  if (view.filter !== "") search.set("filter", view.filter);
  if (view.order !== null) search.set("order", `${view.order.column} ${view.order.down ? "desc" : "asc"}`);
  if (view.group !== "") search.set("group", view.group);
  if (view.lifecycle !== "active") search.set("view", view.lifecycle);
  // One empty column says that every column was taken away, which is not the same as that none was chosen.
  for (const id of view.columns?.length === 0 ? [""] : view.columns ?? []) search.append("col", id);
  for (const [id, width] of Object.entries(view.widths)) search.append("width", `${id}~${width}`);
  return search;
}

function readOrder(text: string | null): SortOrder | null {
  const parts = text === null ? null : /^(.+) (asc|desc)$/.exec(text);
  return parts?.[1] === undefined ? null : { column: parts[1], down: parts[2] === "desc" };
}

function readWidths(entries: string[]): Record<string, number> {
  const widths: Record<string, number> = {};
  for (const entry of entries) {
    const place = entry.lastIndexOf("~");
    const width = Number(entry.slice(place + 1));
    if (place > 0 && Number.isFinite(width)) widths[entry.slice(0, place)] = fitWidth(width);
  }
  return widths;
}

/** A press on a heading: the largest first, then the smallest, then the server's order again. */
export function turned(order: SortOrder | null, column: string): SortOrder | null {
  if (order?.column !== column) return { column, down: true };
  return order.down ? { column, down: false } : null;
}

const ATTRIBUTES: Record<string, string> = { name: "attributes.run_name", status: "attributes.status", started: "attributes.start_time", ended: "attributes.end_time", user: "attributes.user_id" };
const GROUPS = ["metrics", "params", "tags"] as const;
export type KeyGroup = (typeof GROUPS)[number];

/** A column over a key: `metrics.val/loss` is the metric `val/loss`. */
export function keyOf(column: string): { group: KeyGroup; key: string } | null {
  const group = GROUPS.find((each) => column.startsWith(`${each}.`));
  return group === undefined ? null : { group, key: column.slice(group.length + 1) };
}

/** A key as filters and orders write it: in backticks where it is not one plain word. */
export const quoted = (key: string): string => (/^[A-Za-z_][\w]*$/.test(key) ? key : `\`${key}\``);

export function sortable(column: string): boolean {
  return column in ATTRIBUTES || keyOf(column) !== null;
}

/** The order as the API takes it. */
export function orderBy(order: SortOrder | null): string | undefined {
  if (order === null) return undefined;
  const found = keyOf(order.column);
  const field = found === null ? ATTRIBUTES[order.column] : `${found.group}.${quoted(found.key)}`;
  return field === undefined ? undefined : `${field} ${order.down ? "DESC" : "ASC"}`;
}

/** The columns in full: `metrics.*` stands for every metric that is known. */
export function spread(columns: string[], known: Record<KeyGroup, string[]>): string[] {
  const all = columns.flatMap((id) => {
    const group = GROUPS.find((each) => id === `${each}.*`);
    return group === undefined ? [id] : known[group].map((key) => `${group}.${key}`);
  });
  return [...new Set(all)];
}

/** The columns in short: a thousand metrics beside each other are `metrics.*`, so that an address stays one that can be sent. */
export function folded(columns: string[], known: Record<KeyGroup, string[]>): string[] {
  let short = columns;
  for (const group of GROUPS) {
    const all = known[group].map((key) => `${group}.${key}`);
    const at = all[0] === undefined ? -1 : short.indexOf(all[0]);
    if (all.length > 1 && at >= 0 && all.every((id, i) => short[at + i] === id)) short = [...short.slice(0, at), `${group}.*`, ...short.slice(at + all.length)];
  }
  return short;
}

/** What of a run its row needs whatever the columns are. */
const ALWAYS = ["name", "status", "started_at", "ended_at", "experiment_id"];
const FIELDS: Record<string, string> = { experiment: "experiment", user: "user", from: "pipeline_run" };

/** Which parts of a run the API must answer for these columns. A key with a comma in it cannot be named alone. */
export function fieldsFor(columns: string[], group: string): string {
  const named = [...ALWAYS];
  for (const id of group === "" ? columns : [...columns, group]) {
    const found = keyOf(id);
    if (found !== null) named.push(found.key.includes(",") ? found.group : id);
    else if (FIELDS[id] !== undefined) named.push(FIELDS[id]);
  }
  return [...new Set(named)].join(",");
}
