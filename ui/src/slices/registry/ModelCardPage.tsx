import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useParams } from "react-router-dom";
import { Button } from "../../kit/Button";
import { Copy } from "../../kit/Copy";
import { Failure, Skeleton } from "../../kit/Feedback";
import { paths } from "../../kit/links";
import { Facts, Page, Panel } from "../../kit/Page";
import { datasetVersion } from "../data/queries";
import { monitors } from "../monitoring/queries";
import { deployments } from "../serving/queries";
import { type CardPart, type CardSection, cardOf, markdownOf } from "./card";
import { aliasHistory, gateDecision, model, modelVersion } from "./queries";
import "./registry.css";

/** Until what the card is written from is here, or is known not to come. */
function useCard(name: string, number: string): { sections: CardSection[] | null; error: unknown; retry: () => void } {
  const about = useQuery(model(name));
  const version = useQuery(modelVersion(name, number));
  const [dataset = "", dataVersion = ""] = (version.data?.lineage?.dataset ?? "").split("@");
  const data = useQuery({ ...datasetVersion(dataset, dataVersion), enabled: dataset !== "" && dataVersion !== "" });
  const gateId = version.data?.gate_decision ?? null;
  const gate = useQuery({ ...gateDecision(gateId ?? ""), enabled: gateId !== null });
  const [moves, serving, watching] = [useQuery(aliasHistory(name)), useQuery(deployments()), useQuery(monitors())];
  const needed = [about, version, moves, serving, watching];
  const retry = () => void Promise.all(needed.map((each) => each.refetch()));
  const failed = needed.find((each) => each.isError && each.data === undefined);
  if (failed !== undefined) return { sections: null, error: failed.error, retry };
  if (about.data === undefined || version.data === undefined || moves.data === undefined || serving.data === undefined || watching.data === undefined || data.isLoading || gate.isLoading) return { sections: null, error: null, retry };
  return { sections: cardOf({ model: about.data, version: version.data, data: data.data ?? null, gate: gate.data ?? null, moves: moves.data, deployments: serving.data, monitors: watching.data }), error: null, retry };
}

export default function ModelCardPage(): ReactNode {
  const { name = "", version = "" } = useParams();
  const { sections, error, retry } = useCard(name, version);
  const title = `Model card of ${name}/${version}`;
  return (
    <Page title={title} crumbs={[{ label: "Models", to: paths.models() }, { label: name, to: paths.model(name) }, { label: `${name}/${version}`, to: paths.modelVersion(name, version) }]}
      meta={<span>Written from what this server knows, each time it is opened.</span>} actions={sections !== null && <CopyCard text={markdownOf(title, sections, window.location.origin)} />}>
      {error !== null && <Failure error={error} retry={retry} />}
      {error === null && sections === null && <><Skeleton height={220} /><Skeleton height={220} /></>}
      {sections !== null && <div className="card">{sections.map((section) => <Panel key={section.title} title={section.title}>{section.parts.map((part, index) => <Part key={`${part.is} ${String(index)}`} part={part} label={section.title} />)}</Panel>)}</div>}
    </Page>
  );
}

const SHOWN_MS = 2000;

function CopyCard({ text }: { text: string }): ReactNode {
  const [done, setDone] = useState<boolean | null>(null);
  useEffect(() => {
    if (done === null) return undefined;
    const timer = setTimeout(() => setDone(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => void (navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"))).then(() => setDone(true), () => setDone(false));
  return <Button icon={done === true ? "check" : "copy"} onClick={copy} aria-live="polite">{done === null ? "Copy as Markdown" : done ? "Copied" : "The browser refused"}</Button>;
}

function Part({ part, label }: { part: CardPart; label: string }): ReactNode {
  switch (part.is) {
    case "text": return <p className="card-text">{part.text}</p>;
    case "missing": return <div className="card-missing"><p className="muted">{part.text}</p>{part.command !== undefined && <p className="command"><code>{part.command}</code><Copy text={part.command} label="Copy the command" /></p>}</div>;
    case "facts": return <Facts items={part.items.map((item): [string, ReactNode] => [item.label, item.to ? <Link key={item.text} className="link" to={item.to}>{item.text}</Link> : item.text])} />;
    case "table": return (
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="table-box" role="region" aria-label={`${label}: ${part.head.join(", ")}`} tabIndex={0}>
        <table>
          <thead><tr>{part.head.map((each) => <th key={each} scope="col">{each === "" ? <span className="visually-hidden">Side</span> : each}</th>)}</tr></thead>
          <tbody>{part.rows.map((row) => <tr key={row.join(" ")}>{row.map((each, index) => <td key={`${part.head[index] ?? ""} ${each}`}>{each}</td>)}</tr>)}</tbody>
        </table>
      </div>
    );
  }
}
