/** What can stand next in a filter. Reads only as much of the grammar as that needs; the server says whether a filter is right. */
import { type KeyGroup, quoted } from "./view";

export interface Suggestion {
  insert: string;
  label: string;
  hint: string;
}

export interface Completion {
  /** The part of the text that a suggestion takes the place of. */
  from: number;
  to: number;
  items: Suggestion[];
}

export interface Known {
  keys: Record<KeyGroup, string[]>;
  /** Values that a parameter or a tag has among the rows at hand. */
  values: (column: string) => string[];
}

const SHOWN = 12;
const STATUSES = ["FINISHED", "RUNNING", "FAILED", "KILLED", "SCHEDULED"];
const ATTRIBUTES: [string, string][] = [
  ["status", "how it ended"], ["run_name", "its name"], ["start_time", "milliseconds since 1970"], ["end_time", "milliseconds since 1970"], ["user_id", "who started it"], ["run_id", "its id"], ["artifact_uri", "where its files are"],
];
const NUMERIC = ["<", "<=", ">", ">=", "=", "!="];
const TEXTUAL = ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"];
const HINTS: Record<string, string> = {
  "<": "less than", "<=": "at most", ">": "more than", ">=": "at least", "=": "equal", "!=": "different", LIKE: "a pattern with %", ILIKE: "the same, upper or lower case", IN: "one of a list", "NOT IN": "none of a list",
  "IS NULL": "there is none", "IS NOT NULL": "there is one", AND: "both hold", OR: "one of them holds", NOT: "the opposite", "(": "a group", ")": "the group's end",
};

interface Token {
  kind: "word" | "text" | "symbol";
  text: string;
  from: number;
  to: number;
}

/** The tokens up to the caret; an open quote reaches to the end. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern = /'(?:[^']|'')*(?:'|$)|[<>=!]+|[(),]|(?:`[^`]*(?:`|$)|"[^"]*(?:"|$)|[^\s<>=!(),'])+/g;
  for (const match of text.matchAll(pattern)) {
    const word = match[0];
    const kind = word.startsWith("'") ? "text" : /^[<>=!(),]/.test(word) ? "symbol" : "word";
    found.push({ kind, text: word, from: match.index, to: match.index + word.length });
  }
  return found;
}

type Expects = { what: "field" } | { what: "operator"; field: string } | { what: "value"; field: string; op: string; list: boolean } | { what: "join"; depth: number };

/** What the grammar wants after these tokens. */
export function expects(read: Token[]): Expects {
  let state = { what: "field" } as Expects;
  let depth = 0;
  for (const { text, kind } of read) {
    const upper = text.toUpperCase();
    if (state.what === "field") {
      if (text === "(") depth += 1;
      else if (upper !== "NOT") state = { what: "operator", field: text };
    } else if (state.what === "operator") {
      if (upper === "IS" || upper === "NOT") continue;
      state = upper === "NULL" ? { what: "join", depth } : { what: "value", field: state.field, op: upper, list: false };
    } else if (state.what === "value") {
      if (text === "(" && !state.list) state = { what: "value", field: state.field, op: state.op, list: true };
      else if (state.list ? text === ")" : kind !== "symbol") state = { what: "join", depth };
    } else if (text === ")") {
      depth = Math.max(0, depth - 1);
      state = { what: "join", depth };
    } else if (upper === "AND" || upper === "OR") state = { what: "field" };
  }
  return state;
}

export function complete(text: string, caret: number, known: Known): Completion {
  const before = text.slice(0, caret);
  const read = tokens(before);
  const last = read.at(-1);
  // A token that touches the caret is still being written, unless it is whole by itself.
  const open = last !== undefined && last.to === caret && !/^[(),]$/.test(last.text) && !(last.kind === "text" && last.text.length > 1 && last.text.endsWith("'"));
  const written = open ? last.text : "";
  const wanted = expects(open ? read.slice(0, -1) : read);
  const fits = (items: Suggestion[]): Completion => ({ from: open ? last.from : caret, to: caret, items: ranked(items, written) });
  switch (wanted.what) {
    case "field": return fits(fields(known, written));
    case "operator": return fits((isNumber(wanted.field) ? NUMERIC : TEXTUAL).map((op) => said(op, op === "IN" || op === "NOT IN" ? `${op} (` : `${op} `)));
    case "value": return fits(values(wanted.field, known));
    default: return fits([said("AND", "AND "), said("OR", "OR "), ...(wanted.depth > 0 ? [said(")", ") ")] : [])]);
  }
}

const said = (label: string, insert: string): Suggestion => ({ label, insert, hint: HINTS[label] ?? "" });

function fields(known: Known, written: string): Suggestion[] {
  const keys = (group: KeyGroup, word: string) => known.keys[group].map((key): Suggestion => ({ label: `${group}.${key}`, insert: `${group}.${quoted(key)} `, hint: word }));
  const attributes = ATTRIBUTES.map(([name, hint]): Suggestion => ({ label: name, insert: `${name} `, hint }));
  const all = [...attributes.slice(0, 3), ...keys("metrics", "metric"), ...keys("params", "parameter"), ...attributes.slice(3), ...keys("tags", "tag")];
  return written === "" ? [...all, said("NOT", "NOT "), said("(", "(")] : [...all, said("NOT", "NOT ")];
}

const bare = (field: string): string => field.replaceAll(/[`"]/g, "");
const isNumber = (field: string): boolean => /^metrics?\./.test(field) || /^(attributes?\.)?(start_time|end_time|created)$/i.test(field);

function values(field: string, known: Known): Suggestion[] {
  if (isNumber(field)) return [];
  const texts = /^(attributes?\.)?status$/.test(field) ? STATUSES : known.values(bare(field));
  return texts.map((text) => ({ label: text, insert: `'${text.replaceAll("'", "''")}' `, hint: "" }));
}

/** Those that begin with what was written before those that contain it. */
function ranked(items: Suggestion[], written: string): Suggestion[] {
  const wanted = bare(written).replace(/^'/, "").toLowerCase();
  if (wanted === "") return items.slice(0, SHOWN);
  const place = (item: Suggestion): number => {
    const label = item.label.toLowerCase();
    const key = label.slice(label.indexOf(".") + 1);
    return label.startsWith(wanted) ? 0 : key.startsWith(wanted) ? 1 : label.includes(wanted) ? 2 : 3;
  };
  const found = items.map((item) => ({ item, at: place(item) })).filter(({ at }) => at < 3).toSorted((a, b) => a.at - b.at).map(({ item }) => item);
  // Nothing to say about a word that is written in full.
  return found.length === 1 && found[0]?.insert.trim().toLowerCase() === written.toLowerCase() ? [] : found.slice(0, SHOWN);
}
