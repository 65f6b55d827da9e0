/**
 * A window over a long list of runs. The server answers keyset pages, each of which names the next one, so a page is reached only from one
 * before it. Here is remembered where pages begin (one token a page, a few bytes), while rows are kept only around what is looked at.
 */
import type { Page } from "../../../api/shapes";
import type { Run } from "../../../api/tracking";

export const PAGE_ROWS = 200;
/** Pages stepped over at once on the way to a far one, without their rows' contents. */
export const STRIDE = 5;
/** Pages whose rows are kept. */
export const PAGES_KEPT = 12;

export interface Ask {
  page: string | undefined;
  limit: number;
  /** What of each run is wanted; `name` alone on the way to another page. */
  fields: string | undefined;
}

export interface Source {
  load: (ask: Ask, signal: AbortSignal) => Promise<Page<Run>>;
  /** How many there are; `null` when the server cannot say. */
  count: (signal: AbortSignal) => Promise<number | null>;
}

interface Held {
  rows: Run[];
  /** What was asked for; `null` for everything. */
  fields: ReadonlySet<string> | null;
  stale: boolean;
}

/** What is known of the list at one moment. */
export interface PagesNow {
  ready: boolean;
  total: number;
  exact: boolean;
  newer: number;
  error: unknown;
  row: (index: number) => Run | undefined;
  fieldsAt: (index: number) => ReadonlySet<string> | null;
  find: (runId: string) => number;
  loaded: Run[];
}

type Step = { kind: "rows"; page: number } | { kind: "stride"; page: number };

export class RunPages {
  /** Where each page begins: the first at the beginning, the others where their token says. */
  private starts: (string | undefined)[] = [""];
  private held = new Map<number, Held>();
  private wanted: [number, number] = [0, 0];
  private counted: number | null = null;
  /** How many there were when the beginning was last read. */
  private seen: number | null = null;
  private end: number | null = null;
  private closing = new AbortController();
  private working = false;
  private listeners = new Set<() => void>();
  private now: PagesNow;
  error: unknown = null;

  constructor(private readonly source: Source, private fields: string | undefined) {
    this.now = this.look();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  snapshot = (): PagesNow => this.now;

  /** Begins anew, also after it was closed: a page in development opens everything twice. */
  open(): void {
    if (this.closing.signal.aborted) this.closing = new AbortController();
    void this.recount();
    void this.work();
  }

  close(): void {
    this.closing.abort();
    this.working = false;
  }

  /** Whether anything of the list is known yet. */
  get ready(): boolean {
    return this.held.size > 0;
  }

  /** Rows that the table has room for; an estimate until the count or the end is known. */
  get total(): number {
    if (this.end !== null) return this.end;
    // The places of the rows are those of the moment at which the beginning was read: newer ones are announced, not mixed in.
    if (this.counted !== null) return Math.min(this.counted, this.seen ?? this.counted);
    return this.held.size === 0 ? 0 : (this.starts.length - 1) * PAGE_ROWS + 1;
  }

  /** Whether `total` is a count and no estimate. */
  get exact(): boolean {
    return this.end !== null || this.counted !== null;
  }

  /** Runs that came since the beginning of the list was read. */
  get newer(): number {
    return this.counted === null || this.seen === null ? 0 : Math.max(0, this.counted - this.seen);
  }

  get pagesHeld(): number {
    return this.held.size;
  }

  row(index: number): Run | undefined {
    return this.held.get(Math.floor(index / PAGE_ROWS))?.rows[index % PAGE_ROWS];
  }

  /** Which parts of the row were asked for. */
  fieldsAt(index: number): ReadonlySet<string> | null {
    return this.held.get(Math.floor(index / PAGE_ROWS))?.fields ?? null;
  }

  /** Where a run stands, near a place where it stood; -1 when it is not among the rows at hand. */
  find(runId: string): number {
    for (const [page, { rows }] of this.held) {
      const at = rows.findIndex((run) => run.run_id === runId);
      if (at >= 0) return page * PAGE_ROWS + at;
    }
    return -1;
  }

  /** Every row at hand, in order. */
  loaded(): Run[] {
    return [...this.held.entries()].toSorted(([a], [b]) => a - b).flatMap(([, page]) => page.rows);
  }

  show(first: number, last: number): void {
    this.wanted = [Math.floor(Math.max(0, first) / PAGE_ROWS), Math.floor(Math.max(0, last) / PAGE_ROWS)];
    void this.work();
  }

  /** Reads what is looked at again, and forgets what is not: something changed. */
  refresh(): void {
    this.outdate();
    void this.recount();
    void this.work();
  }

  /** Asks for other parts of the runs from now on. What is shown stays until they are there. */
  want(fields: string | undefined): void {
    if (fields === this.fields) return;
    this.fields = fields;
    this.outdate();
    void this.work();
  }

  private outdate(): void {
    this.error = null;
    for (const [page, held] of this.held) {
      if (page < this.wanted[0] || page > this.wanted[1]) this.held.delete(page);
      else held.stale = true;
    }
  }

  private async recount(): Promise<void> {
    const { signal } = this.closing;
    try {
      const counted = await this.source.count(signal);
      if (signal.aborted) return;
      if (counted !== this.counted) this.end = null;
      this.counted = counted;
      if (this.seen === null || this.wanted[0] === 0) this.seen = counted;
      this.tell();
    } catch {
      // The list itself says what is wrong.
    }
  }

  private async work(): Promise<void> {
    if (this.working || this.error !== null) return;
    this.working = true;
    const { signal } = this.closing;
    try {
      for (let step = this.next(); step !== null && !signal.aborted; step = this.next()) await this.take(step, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      this.tell();
    } finally {
      if (!signal.aborted) this.working = false;
    }
  }

  /** The call that brings the wanted rows nearer, or `null` when they are all here. */
  private next(): Step | null {
    for (let page = this.wanted[0]; page <= this.wanted[1]; page += 1) {
      const held = this.held.get(page);
      if ((held !== undefined && !held.stale) || this.isPast(page)) continue;
      let from = page;
      while (this.starts[from] === undefined) from -= 1;
      if (page - from >= STRIDE) return { kind: "stride", page: from };
      const near = this.held.get(from);
      // The page before ends the list, so this one does not exist.
      if (from < page && near !== undefined && !near.stale && this.starts[from + 1] === undefined) continue;
      return { kind: "rows", page: from };
    }
    return null;
  }

  private isPast(page: number): boolean {
    return this.end !== null && page > 0 && page * PAGE_ROWS >= this.end;
  }

  private async take(step: Step, signal: AbortSignal): Promise<void> {
    const start = this.starts[step.page];
    const { fields } = this;
    const rows = step.kind === "rows";
    const answer = await this.source.load({ page: start === "" ? undefined : start, limit: rows ? PAGE_ROWS : PAGE_ROWS * STRIDE, fields: rows ? fields : "name" }, signal);
    if (signal.aborted) return;
    if (rows) this.keep(step.page, answer, fields);
    else this.strode(step.page, answer);
    this.tell();
  }

  private keep(page: number, answer: Page<Run>, fields: string | undefined): void {
    this.held.set(page, { rows: answer.items, fields: fields === undefined ? null : new Set(fields.split(",")), stale: fields !== this.fields });
    if (page === 0) this.seen = this.counted;
    if (answer.next === null) {
      this.cut(page);
      this.end = page * PAGE_ROWS + answer.items.length;
    } else if (this.starts[page + 1] !== answer.next) {
      // Rows came or went before the next page, so all that follows stands elsewhere now.
      this.cut(page);
      this.starts[page + 1] = answer.next;
      this.end = null;
    }
    this.forget();
  }

  private strode(page: number, answer: Page<Run>): void {
    if (answer.next !== null) {
      this.starts[page + STRIDE] = answer.next;
      return;
    }
    this.end = page * PAGE_ROWS + answer.items.length;
    this.wanted = [Math.min(this.wanted[0], Math.floor((this.end - 1) / PAGE_ROWS)), Math.min(this.wanted[1], Math.floor((this.end - 1) / PAGE_ROWS))];
  }

  /** Forgets everything after a page. */
  private cut(page: number): void {
    this.starts.length = Math.min(this.starts.length, page + 1);
    for (const each of this.held.keys()) if (each > page) this.held.delete(each);
  }

  private forget(): void {
    const middle = (this.wanted[0] + this.wanted[1]) / 2;
    const far = [...this.held.keys()].toSorted((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    for (const page of far.slice(0, Math.max(0, far.length - PAGES_KEPT))) {
      if (page < this.wanted[0] || page > this.wanted[1]) this.held.delete(page);
    }
  }

  private look(): PagesNow {
    return {
      ready: this.ready, total: this.total, exact: this.exact, newer: this.newer, error: this.error, loaded: this.loaded(),
      row: (index) => this.row(index), fieldsAt: (index) => this.fieldsAt(index), find: (runId) => this.find(runId),
    };
  }

  private tell(): void {
    this.now = this.look();
    for (const listener of this.listeners) listener();
  }
}

/** Whether a row that was loaded with these fields can tell what stands in a column. */
export function covers(fields: ReadonlySet<string> | null, column: string): boolean {
  const dot = column.indexOf(".");
  return fields === null || dot < 0 || fields.has(column) || fields.has(column.slice(0, dot));
}
