/** What can be done to runs. */
import { patch, post, put, remove, seg } from "../../api/client";
import { ApiError } from "../../api/problem";
import type { RunChange, SavedView } from "../../api/tracking";

/** A server without the call for many at once is asked for each. */
const lacksCall = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 405);

async function each(ids: string[], one: (id: string) => Promise<unknown>): Promise<void> {
  for (const id of ids) await one(id);
}

export async function deleteRuns(ids: string[]): Promise<void> {
  if (ids.length === 1) return remove(`/runs/${seg(ids[0] ?? "")}`);
  await post("/runs/delete", { run_ids: ids }).catch((error: unknown) => {
    if (!lacksCall(error)) throw error;
    return each(ids, (id) => remove(`/runs/${seg(id)}`));
  });
  return undefined;
}

export async function restoreRuns(ids: string[]): Promise<void> {
  await post("/runs/restore", { run_ids: ids }).catch((error: unknown) => {
    if (!lacksCall(error)) throw error;
    return each(ids, (id) => post(`/runs/${seg(id)}/restore`, {}));
  });
}

export const moveRuns = (ids: string[], experimentId: string) => post("/runs/move", { run_ids: ids, experiment_id: experimentId });
export const copyRuns = (ids: string[], experimentId: string) => post("/runs/copy", { run_ids: ids, experiment_id: experimentId });
export const changeRun = (id: string, change: RunChange) => patch(`/runs/${seg(id)}`, change);

export const saveView = (experimentId: string, view: SavedView) => put(`/experiments/${seg(experimentId)}/views/${seg(view.name)}`, { search: view.search });
export const forgetView = (experimentId: string, name: string) => remove(`/experiments/${seg(experimentId)}/views/${seg(name)}`);
