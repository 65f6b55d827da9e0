/** Rows of separated values, as RFC 4180 has them and spreadsheets write them. Pure functions. */

export const MAX_ROWS = 1000;
export const MAX_COLUMNS = 200;

export interface Rows {
  head: string[];
  rows: string[][];
  /** Whether rows or columns were left out. */
  cut: { rows: boolean; columns: boolean };
  /** Whether every value of a column is a number. */
  numeric: boolean[];
}

/** The separator that the first line has most of. */
function separatorOf(text: string): string {
  const line = text.slice(0, Math.max(0, text.indexOf("\n")) || undefined).slice(0, 10_000);
  const times = (sign: string): number => line.split(sign).length - 1;
  return [",", ";", "\t", "|"].reduce((best, sign) => (times(sign) > times(best) ? sign : best), ",");
}

/** `whole` tells that the text does not go on; otherwise the last line may be cut and is left out. */
export function parseRows(text: string, whole: boolean, separator: string = separatorOf(text)): Rows {
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  const lines = linesOf(body, separator, whole);
  const head = (lines.list[0] ?? []).slice(0, MAX_COLUMNS);
  const rows = lines.list.slice(1, MAX_ROWS + 1).map((row) => row.slice(0, MAX_COLUMNS));
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column] ?? "")) && rows.some((row) => (row[column] ?? "") !== ""));
  return { head, rows, numeric, cut: { rows: lines.more || !whole, columns: lines.list.some((row) => row.length > MAX_COLUMNS) } };
}

const isNumber = (value: string): boolean => value.trim() === "" || Number.isFinite(Number(value)) || /^(nan|inf|-inf)$/i.test(value.trim());

function linesOf(text: string, separator: string, whole: boolean): { list: string[][]; more: boolean } {
  const list: string[][] = [];
  let row: string[] = [];
  let value = "";
  let quoted = false;
  let from = 0;
  let at = 0;
  const take = (to: number) => {
    row.push(value + text.slice(from, to));
    value = "";
  };
  const endRow = () => {
    if (row.length > 1 || row[0] !== "") list.push(row);
    row = [];
  };
  for (; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') continue;
      value += text.slice(from, at);
      from = at + 1;
      // Two quotes are one; a single one ends the value.
      if (text[from] === '"') at += 1;
      else quoted = false;
    } else if (sign === '"' && at === from && value === "") {
      quoted = true;
      from = at + 1;
    } else if (sign === separator) {
      take(at);
      from = at + 1;
    } else if (sign === "\n") {
      take(text[at - 1] === "\r" ? at - 1 : at);
      from = at + 1;
      endRow();
      if (list.length > MAX_ROWS + 1) return { list, more: true };
    }
  }
  if (whole && (from < text.length || row.length > 0 || value !== "")) {
    take(text.length);
    endRow();
  }
  return { list, more: list.length > MAX_ROWS + 1 };
}
