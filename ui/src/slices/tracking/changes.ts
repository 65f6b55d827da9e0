/** What can be done to runs. */
import { patch, post, put, remove, seg } from "../../api/client";
import { ApiError, isNotFound } from "../../api/problem";
import type { Retention, RetentionPreview, RunChange, SavedView } from "../../api/tracking";

/** A server without the call for many at once is asked for each. */
const lacksCall = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 405);

async function each<T>(list: T[], one: (item: T) => Promise<unknown>): Promise<void> {
  for (const item of list) await one(item);
}

/** Runs that one call takes, and copies that one call makes. */
const RUNS = 1000;
const COPIES = 100;

export const parts = <T>(list: T[], size: number): T[][] => Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

export async function deleteRuns(ids: string[]): Promise<void> {
  if (ids.length === 1) return remove(`/runs/${seg(ids[0] ?? "")}`);
  await each(parts(ids, RUNS), (part) => post("/runs/delete", { run_ids: part }).catch((error: unknown) => {
    if (!lacksCall(error)) throw error;
    return each(part, (id) => remove(`/runs/${seg(id)}`));
  }));
  return undefined;
}

export const restoreRuns = (ids: string[]): Promise<void> =>
  each(parts(ids, RUNS), (part) => post("/runs/restore", { run_ids: part }).catch((error: unknown) => {
    if (!lacksCall(error)) throw error;
    return each(part, (id) => post(`/runs/${seg(id)}/restore`, {}));
  }));

export const moveRuns = (ids: string[], experimentId: string): Promise<void> => each(parts(ids, RUNS), (part) => post("/runs/move", { run_ids: part, experiment_id: experimentId }));
export const copyRuns = (ids: string[], experimentId: string): Promise<void> => each(parts(ids, COPIES), (part) => post("/runs/copy", { run_ids: part, experiment_id: experimentId }));
export const changeRun = (id: string, change: RunChange) => patch(`/runs/${seg(id)}`, change);

export const saveView = (experimentId: string, view: SavedView) => put(`/experiments/${seg(experimentId)}/views/${seg(view.name)}`, { search: view.search });
export const forgetView = (experimentId: string, name: string) => remove(`/experiments/${seg(experimentId)}/views/${seg(name)}`);

/** Removes deleted runs for good, one after the other: there is no call for many. One that is gone already is no failure. */
export const purgeRuns = (ids: string[]): Promise<void> => each(ids, (id) => remove(`/runs/${seg(id)}`, { permanently: true }).catch((error: unknown) => {
  if (!isNotFound(error)) throw error;
}));

const retentionPath = (experimentId: string): string => `/experiments/${seg(experimentId)}/retention`;
export const setRetention = (experimentId: string, rule: Retention) => put<Retention>(retentionPath(experimentId), rule);
/** Changes nothing. */
export const previewRetention = (experimentId: string, rule: Retention) => put<RetentionPreview>(retentionPath(experimentId), rule, { dry_run: true });
export const dropRetention = (experimentId: string) => remove(retentionPath(experimentId));
