/** A model card, written from facts. One structure is shown on the page and copied as Markdown. Pure functions. */
import type { DatasetVersion } from "../../api/data";
import type { Monitor } from "../../api/monitoring";
import type { AliasMove, GateDecision, Model, ModelVersion } from "../../api/registry";
import type { Deployment } from "../../api/serving";
import { bytes, cell, count, metric, moment, percent } from "../../kit/format";
import { pathOf, paths } from "../../kit/links";
import { byWorth } from "../../kit/metricOrder";
import { specOf } from "./compare";

export interface Fact {
  label: string;
  text: string;
  to?: string | null;
}

export type CardPart = { is: "text"; text: string } | { is: "facts"; items: Fact[] } | { is: "table"; head: string[]; rows: string[][] } | { is: "missing"; text: string; command?: string };

export interface CardSection {
  title: string;
  parts: CardPart[];
}

/** What is known; what is not yet here is null, what there is none of is empty. */
export interface CardFacts {
  model: Model;
  version: ModelVersion;
  data: DatasetVersion | null;
  gate: GateDecision | null;
  moves: AliasMove[];
  deployments: Deployment[];
  monitors: Monitor[];
}

export function cardOf(facts: CardFacts): CardSection[] {
  return [whatItIs(facts), notes(facts.version), signature(facts.version), data(facts), evaluation(facts), standing(facts), watching(facts)];
}

const fact = (label: string, text: string | null | undefined, to?: string | null): Fact[] => (text === null || text === undefined || text === "" ? [] : [{ label, text, ...(to ? { to } : {}) }]);

function whatItIs({ model, version }: CardFacts): CardSection {
  const from = version.lineage;
  return {
    title: "What it is",
    parts: [
      model.description === "" ? { is: "missing", text: "Nobody has described the model.", command: `client.update_registered_model("${model.name}", description="…")` } : { is: "text", text: model.description },
      { is: "facts", items: [
        ...fact("Version", version.ref, paths.modelVersion(model.name, version.version)), ...fact("Registered", `${moment(version.created_at)} UTC by ${version.created_by}`),
        ...fact("Format", version.format === null ? null : `${version.format}, ${bytes(version.bytes)}`), ...fact("Digest", version.digest), ...fact("Signed", version.signature === null ? "no" : `${version.signature.algorithm}, key ${version.signature.key_id}`),
        ...fact("Made by", from?.pipeline_run, from?.pipeline_run ? paths.pipelineRun(from.pipeline_run) : null), ...fact("Tracked as", version.tracking_run_id, version.tracking_run_id === null ? null : paths.run(version.tracking_run_id)),
        ...fact("Code", from?.git_commit ?? from?.code_digest), ...fact("Environment", from?.environment_digest),
      ] },
    ],
  };
}

/** What somebody wrote at the version: its limits, for whom it is, what it must not be used for. */
function notes(version: ModelVersion): CardSection {
  const text = version.description ?? "";
  return { title: "Limitations and notes", parts: [text === "" ? { is: "missing", text: "Nobody has written down its limits.", command: `client.update_model_version("${version.model}", "${version.version}", description="…")` } : { is: "text", text }] };
}

function signature(version: ModelVersion): CardSection {
  const rows = [...version.inputs.map((each) => ["input", each.name, specOf(each)]), ...version.outputs.map((each) => ["output", each.name, specOf(each)])];
  return { title: "Inputs and outputs", parts: [rows.length === 0 ? { is: "missing", text: "The version has no signature that could be read." } : { is: "table", head: ["", "Name", "Type"], rows }] };
}

function data({ version, data: from }: CardFacts): CardSection {
  const name = version.lineage?.dataset;
  if (!name) return { title: "Data", parts: [{ is: "missing", text: "What it was trained on is not known: it was registered from outside a pipeline." }] };
  const to = pathOf("dataset_version", name);
  const passed = from?.checks.filter((check) => check.status === "pass").length ?? 0;
  return { title: "Data", parts: [{ is: "facts", items: [
    ...fact("Trained on", name, to), ...fact("Rows", from === null ? null : count(from.rows)), ...fact("Columns", from === null ? null : from.schema.map((column) => column.name).join(", ")),
    ...fact("Checks", from === null ? null : from.checks.length === 0 ? "none declared" : `${passed} of ${from.checks.length} passed`), ...fact("Profile", from?.profile ? "every column of it" : null, to), ...fact("Digest", version.lineage?.dataset_digest),
  ] }] };
}

function evaluation({ version, gate }: CardFacts): CardSection {
  const keys = byWorth(Object.keys(version.metrics));
  if (keys.length === 0) return { title: "Evaluation", parts: [{ is: "missing", text: "No gate has measured it." }] };
  const known = gate?.champion_metrics ?? {};
  // The first version has no champion to be compared with.
  const before = Object.keys(known).length === 0 ? null : known;
  const parts: CardPart[] = [{ is: "table", head: ["Metric", version.ref, ...(before === null ? [] : [gate === null || gate.champion === null ? "Champion" : `${version.model}/${gate.champion}`])], rows: keys.map((key) => [key, cell(version.metrics[key]), ...(before === null ? [] : [cell(before[key])])]) }];
  if (gate !== null) {
    parts.unshift({ is: "facts", items: [...fact("Gate", gate.verdict, paths.gateDecision(gate.id)), ...fact("Decided", `${moment(gate.at)} UTC`), ...fact("Held-out rows", gate.rows === null ? null : count(gate.rows))] });
    parts.push({ is: "table", head: ["Rule", "Verdict", "Seen"], rows: gate.rules.map((rule) => [rule.name, rule.verdict, rule.detail]) });
  }
  return { title: "Evaluation", parts };
}

function standing({ version, moves, deployments }: CardFacts): CardSection {
  const arms = deployments.flatMap((each) => (each.model === version.model ? each.arms.filter((arm) => arm.version === version.version).map((arm) => ({ name: each.name, arm })) : []));
  const mine = moves.filter((move) => move.to === version.version).toSorted((a, b) => b.at.localeCompare(a.at));
  return { title: "Where it stands", parts: [
    { is: "facts", items: [{ label: "Aliases", text: version.aliases.length === 0 ? "none" : version.aliases.map((alias) => `@${alias}`).join(", ") },
      ...arms.map(({ name, arm }): Fact => ({ label: `Deployment ${name}`, text: `as ${arm.arm} with ${percent(arm.share)} of the requests`, to: paths.deployment(name) })), ...(arms.length === 0 ? [{ label: "Deployments", text: "none" }] : [])] },
    ...(mine.length === 0 ? [] : [{ is: "table", head: ["Alias", "When (UTC)", "Who", "Why"], rows: mine.map((move) => [`@${move.alias}`, moment(move.at), move.actor, move.reason ?? move.cause?.summary ?? ""]) } satisfies CardPart]),
  ] };
}

function watching({ version, deployments, monitors }: CardFacts): CardSection {
  const serving = new Set(deployments.filter((each) => each.model === version.model && each.arms.some((arm) => arm.version === version.version)).map((each) => each.name));
  const mine = monitors.filter((monitor) => serving.has(monitor.deployment));
  if (mine.length === 0) return { title: "In production", parts: [{ is: "missing", text: serving.size === 0 ? "It serves nobody, so nothing is known of it in production." : "No monitor watches it." }] };
  return { title: "In production", parts: mine.map((monitor): CardPart => {
    const window = monitor.latest;
    if (window === null) return { is: "facts", items: [{ label: "Monitor", text: monitor.name, to: paths.monitor(monitor.name) }, { label: "State", text: "no window has closed yet" }] };
    const judged = window.drift.filter((each) => each.verdict !== "no_data");
    const drifted = judged.filter((each) => each.verdict === "drifted").map((each) => each.feature);
    return { is: "facts", items: [
      { label: "Monitor", text: monitor.name, to: paths.monitor(monitor.name) }, { label: "Window", text: `${moment(window.start)} to ${moment(window.end)} UTC, event time` },
      ...monitor.objectives.map((each): Fact => ({ label: each.metric, text: `${metric(window.metrics[each.metric]?.value)}${wanted("at most", each.max)}${wanted("at least", each.min)}` })),
      { label: "Drift", text: judged.length === 0 ? "not judged" : drifted.length === 0 ? `none in ${judged.length} features` : `${drifted.length} of ${judged.length} features: ${drifted.join(", ")}` },
      ...(Object.keys(window.versions).length > 1 ? [{ label: "Versions seen", text: Object.keys(window.versions).map((each) => `${version.model}/${each}`).join(", ") }] : []),
    ] };
  }) };
}

const wanted = (words: string, bound: number | null | undefined): string => (bound === null || bound === undefined ? "" : `, ${words} ${metric(bound)} wanted`);

const inTable = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");
/** What stands in Markdown as it was written; a `<` would begin a tag. */
const inText = (text: string): string => text.replaceAll("<", "&lt;");
const row = (cells: string[]): string => `| ${cells.map((each) => inText(inTable(each))).join(" | ")} |`;

/** The card as Markdown. Links lead to this server. */
export function markdownOf(title: string, sections: CardSection[], origin: string): string {
  const part = (each: CardPart): string => {
    switch (each.is) {
      case "text": return inText(each.text);
      case "missing": return `*${inText(each.text)}*`;
      case "facts": return each.items.map((item) => `- ${inText(item.label)}: ${item.to ? `[${inText(item.text).replaceAll(/[[\]]/g, "\\$&")}](${origin}${item.to})` : inText(item.text)}`).join("\n");
      case "table": return [row(each.head), row(each.head.map(() => "---")), ...each.rows.map(row)].join("\n");
    }
  };
  return `${[`# ${inText(title)}`, ...sections.map((section) => [`## ${section.title}`, ...section.parts.map(part)].join("\n\n"))].join("\n\n")}\n`;
}
