import { describe, expect, it } from "vitest";
import type { Run } from "../../api/tracking";
import { ofMachine } from "../../kit/metricOrder";
import { defaultColumns } from "./columns";
import { machineCharts, unitOf, written } from "./machine";

const metrics = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, { value: 1, step: 0, at: "" }]));

describe("what tells of the machine", () => {
  it("has a name, a unit and a place", () => {
    const found = machineCharts(["loss", "system/network_receive_megabytes", "system/gpu_10_utilization_percentage", "system/gpu_2_power_usage_watts", "system/gpu_2_utilization_percentage", "system/cpu_utilization_percentage", "system/process_cpu_percentage", "system/fan_speed"]);
    expect(found.map((chart) => [chart.title, chart.unit])).toEqual([
      ["CPU of the process", "percent"], ["CPU of the machine", "percent"], ["GPU 2", "percent"], ["Power of GPU 2", "watts"], ["GPU 10", "percent"], ["Network received", "megabytes"], ["fan speed", "none"],
    ]);
  });
  it("shows a share beside its amount, and by itself where there is no amount", () => {
    expect(machineCharts(["system/system_memory_usage_percentage", "system/system_memory_usage_megabytes"])).toMatchObject([{ title: "Memory of the machine", unit: "megabytes", share: "system/system_memory_usage_percentage" }]);
    expect(machineCharts(["system/gpu_1_memory_usage_percentage", "system/gpu_1_memory_usage_gigabytes"])).toMatchObject([{ title: "Memory of GPU 1", unit: "gigabytes", share: "system/gpu_1_memory_usage_percentage" }]);
    expect(machineCharts(["system/disk_usage_percentage"])).toMatchObject([{ title: "Disk in use", unit: "percent", share: null }]);
  });
  it("says which machine of several", () => expect(machineCharts(["system/node-1/cpu_utilization_percentage", "system/node-0/cpu_utilization_percentage"]).map((chart) => chart.title)).toEqual(["CPU of the machine, node-0", "CPU of the machine, node-1"]));
  it("is written with its unit", () => {
    expect([written(47.83, "percent"), written(0, "percent"), written(264.1, "megabytes"), written(0.25, "megabytes"), written(6120.5, "megabytes"), written(11.128, "gigabytes"), written(311.6, "watts"), written(3, "none"), written(Number.NaN, "percent")])
      .toEqual(["47.8\u202f%", "0\u202f%", "264 MB", "0.25 MB", "6.12 GB", "11.13 GB", "312 W", "3", "NaN"]);
    expect(["system/a_percentage", "system/b_watts", "system/c"].map(unitOf)).toEqual(["percent", "watts", "none"]);
  });
  it("is no column of a table that nobody has arranged", () => {
    const runs = [{ run_id: "1", experiment: "x", pipeline_run: null, params: {}, tags: {}, metrics: metrics("system/cpu_utilization_percentage", "mae") }] as unknown as Run[];
    expect(defaultColumns(runs, false)).toEqual(["started", "took", "metrics.mae"]);
    expect(ofMachine("systems")).toBe(false);
  });
});
