import { describe, expect, it } from "vitest";
import { paths } from "../../kit/links";
import { childFilter, traceFilter } from "./queries";
import { stepOf } from "./stepOf";

describe("what belongs to a run", () => {
  it("is found with filters that hold whatever the id is", () => {
    expect(childFilter("8a")).toBe("tags.`mlflow.parentRunId` = '8a'");
    expect(traceFilter("it's")).toBe("run_id = 'it''s'");
    expect(paths.traces(traceFilter("8a"))).toBe("/traces?filter=run_id%20%3D%20'8a'");
  });
  it("is a step, which the answer or a tag names", () => {
    expect(stepOf({ pipeline_run: { id: "run_1", step: "train" }, tags: {} })).toEqual({ id: "run_1", step: "train" });
    expect(stepOf({ pipeline_run: { id: "run_1", step: null }, tags: { "pitcrew.pipeline_step": "talk" } })).toEqual({ id: "run_1", step: "talk" });
    expect(stepOf({ pipeline_run: { id: "run_1", step: null }, tags: {} })).toBeNull();
    expect(stepOf({ pipeline_run: null, tags: { "pitcrew.pipeline_step": "talk" } })).toBeNull();
  });
});
