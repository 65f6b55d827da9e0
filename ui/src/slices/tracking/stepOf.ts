import type { Run } from "../../api/tracking";

/** Where the step that logs a run writes its name; answers do not always have it beside the pipeline run. */
const STEP_TAG = "pitcrew.pipeline_step";

/** The step of a pipeline that logs this run, if one does. */
export function stepOf(run: Pick<Run, "pipeline_run" | "tags">): { id: string; step: string } | null {
  const step = run.pipeline_run?.step ?? run.tags[STEP_TAG] ?? null;
  return run.pipeline_run === null || step === null ? null : { id: run.pipeline_run.id, step };
}
