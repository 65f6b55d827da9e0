/** What a run's `system/` metrics tell of the machine it is on, as charts with a name and a unit. */
import { count, metric } from "../../kit/format";
import { ofMachine } from "../../kit/metricOrder";

export type Unit = "percent" | "megabytes" | "gigabytes" | "watts" | "none";

export interface MachineChart {
  key: string;
  title: string;
  unit: Unit;
  /** What the figure is of, where its name does not say it all. */
  note: string | null;
  /** The same in per cent, where that is another metric. */
  share: string | null;
}

interface Known {
  name: RegExp;
  title: (gpu: string) => string;
  note?: string;
}

/** In the order in which they are worth reading. The names are those of MLflow's client; the first two are of pipelines alone. */
const KNOWN: Known[] = [
  { name: /^process_cpu_percentage$/, title: () => "CPU of the process", note: "100 % is one core" },
  { name: /^process_memory_megabytes$/, title: () => "Memory of the process" },
  { name: /^cpu_utilization_percentage$/, title: () => "CPU of the machine", note: "of all cores" },
  { name: /^system_memory_usage_(megabytes|percentage)$/, title: () => "Memory of the machine" },
  { name: /^gpu_(\d+)_utilization_percentage$/, title: (gpu) => `GPU ${gpu}` },
  { name: /^gpu_(\d+)_memory_usage_(megabytes|gigabytes|percentage)$/, title: (gpu) => `Memory of GPU ${gpu}` },
  { name: /^gpu_(\d+)_power_usage_(watts|percentage)$/, title: (gpu) => `Power of GPU ${gpu}` },
  { name: /^disk_usage_(megabytes|percentage)$/, title: () => "Disk in use" },
  { name: /^disk_available_megabytes$/, title: () => "Disk left" },
  { name: /^network_receive_megabytes$/, title: () => "Network received" },
  { name: /^network_transmit_megabytes$/, title: () => "Network sent" },
];

const UNIT = /_(percentage|megabytes|gigabytes|watts)$/;

export function unitOf(key: string): Unit {
  const found = UNIT.exec(key)?.[1];
  return found === "percentage" ? "percent" : found === "megabytes" || found === "gigabytes" || found === "watts" ? found : "none";
}

/** A value as one reads it. Megabytes are millions of bytes, as MLflow counts them. */
export function written(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return metric(value);
  switch (unit) {
    case "percent": return `${metric(Math.round(value * 10) / 10)}\u202f%`;
    case "megabytes": return Math.abs(value) >= 1000 ? `${metric(Math.round(value / 10) / 100)} GB` : `${value === 0 || Math.abs(value) >= 10 ? count(Math.round(value)) : metric(Math.round(value * 100) / 100)} MB`;
    case "gigabytes": return `${metric(Math.round(value * 100) / 100)} GB`;
    case "watts": return `${metric(Math.round(value))} W`;
    case "none": return metric(value);
  }
}

/** The charts there are to draw. Where an amount is also there as a share, the share stands beside it instead of in a chart of its own. */
export function machineCharts(keys: string[]): MachineChart[] {
  const all = new Set(keys.filter(ofMachine));
  const shareOf = (key: string): string | null => {
    const share = key.replace(/_(megabytes|gigabytes|watts)$/, "_percentage");
    return share !== key && all.has(share) ? share : null;
  };
  const shares = new Set([...all].map(shareOf));
  return [...all].filter((key) => !shares.has(key)).map((key) => ({ chart: chartOf(key, shareOf(key)), place: placeOf(key) }))
    .toSorted((a, b) => a.place.localeCompare(b.place, "en", { numeric: true })).map(({ chart }) => chart);
}

/** Of several machines each writes under its own name: `system/node-1/cpu_utilization_percentage`. */
function parts(key: string): { node: string; name: string } {
  const path = key.split("/").slice(1);
  return { node: path.slice(0, -1).join("/"), name: path.at(-1) ?? "" };
}

function placeOf(key: string): string {
  const { node, name } = parts(key);
  const known = KNOWN.findIndex((each) => each.name.test(name));
  // The charts of one GPU stand together.
  const gpu = /^gpu_(\d+)_/.exec(name)?.[1];
  return `${node} ${gpu === undefined ? (known < 0 ? 9 : known < 7 ? 1 : 3) : 2} ${gpu ?? ""} ${known < 0 ? 99 : known} ${name}`;
}

function chartOf(key: string, share: string | null): MachineChart {
  const { node, name } = parts(key);
  const known = KNOWN.find((each) => each.name.test(name));
  const title = known?.title(known.name.exec(name)?.[1] ?? "") ?? name.replace(UNIT, "").replaceAll("_", " ");
  return { key, title: node === "" ? title : `${title}, ${node}`, unit: unitOf(key), note: known?.note ?? null, share };
}
