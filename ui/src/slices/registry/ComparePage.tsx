import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router-dom";
import type { ModelVersion } from "../../api/registry";
import { Button, Segments } from "../../kit/Button";
import { RefLink } from "../../kit/Cause";
import { Id } from "../../kit/Copy";
import { Empty, Loaded, Skeleton } from "../../kit/Feedback";
import { cell, signed } from "../../kit/format";
import { paths } from "../../kit/links";
import { Page, Panel } from "../../kit/Page";
import { State } from "../../kit/State";
import { Ago } from "../../kit/Time";
import { run } from "../tracking/queries";
import { AliasTag } from "./Aliases";
import { type MetricRow, type ValueRow, defaultPair, metricRows, signatureRows, signatureVerdict, valueRows } from "./compare";
import { gateDecision, model, modelVersions } from "./queries";
import { Rules } from "./Rules";
import "./registry.css";

export default function ComparePage(): ReactNode {
  const { name = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const query = useQuery(modelVersions(name));
  const about = useQuery(model(name));
  const list = query.data ?? [];
  const [first, second] = defaultPair(list, about.data?.aliases["champion"]);
  const find = (key: string, otherwise: number | undefined) => list.find((each) => String(each.version) === (search.get(key) ?? String(otherwise ?? "")));
  const [left, right] = [find("left", first), find("right", second)];
  const set = (pair: { left: number | undefined; right: number | undefined }) => setSearch(Object.fromEntries(Object.entries(pair).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]))), { replace: true });
  return (
    <Page title={`Compare versions of ${name}`} crumbs={[{ label: "Models", to: paths.models() }, { label: name, to: paths.model(name) }]}>
      <Loaded query={query} skeleton={<><Skeleton height={80} /><Skeleton height={260} /></>}>
        {() => (list.length < 2
          ? <Panel><Empty title="There is nothing to compare yet" command="pitcrew run train">Two versions can be compared; this model has {list.length === 0 ? "none" : "one"}.</Empty></Panel>
          : (
            <>
              <div className="filters">
                <Pick label="Left" list={list} value={left?.version} onChange={(version) => set({ left: version, right: right?.version })} />
                <Button kind="ghost" onClick={() => set({ left: right?.version, right: left?.version })} aria-label="Swap left and right" title="Swap">⇄</Button>
                <Pick label="Right" list={list} value={right?.version} onChange={(version) => set({ left: left?.version, right: version })} />
              </div>
              {left === undefined || right === undefined ? <Panel><Empty title="No such version">Choose two that there are.</Empty></Panel> : <Both left={left} right={right} />}
            </>
          ))}
      </Loaded>
    </Page>
  );
}

function Pick({ label, list, value, onChange }: { label: string; list: ModelVersion[]; value: number | undefined; onChange: (version: number) => void }): ReactNode {
  return (
    <select aria-label={`${label} version`} value={value ?? ""} onChange={(event) => onChange(Number(event.target.value))}>
      {value === undefined && <option value="">Choose</option>}
      {list.map((each) => <option key={each.version} value={each.version}>{each.ref}{each.aliases.length > 0 ? ` @${each.aliases.join(" @")}` : ""}</option>)}
    </select>
  );
}

type Show = "differences" | "all";
const SHOWS: { value: Show; label: string }[] = [{ value: "differences", label: "Differences" }, { value: "all", label: "All" }];

function Both({ left, right }: { left: ModelVersion; right: ModelVersion }): ReactNode {
  const [show, setShow] = useState<Show>("differences");
  const runs = [useQuery({ ...run(left.tracking_run_id ?? ""), enabled: left.tracking_run_id !== null }), useQuery({ ...run(right.tracking_run_id ?? ""), enabled: right.tracking_run_id !== null })] as const;
  const inputs = signatureRows(left.inputs, right.inputs);
  const outputs = signatureRows(left.outputs, right.outputs);
  const tracked = metricRows(valuesOf(runs[0].data?.metrics), valuesOf(runs[1].data?.metrics)).filter((row) => !(row.key in left.metrics) && !(row.key in right.metrics));
  const settings = valueRows({ ...runs[0].data?.params, ...left.lineage?.params }, { ...runs[1].data?.params, ...right.lineage?.params });
  const heads = { left: left.ref, right: right.ref };
  const kept = (rows: ValueRow[]) => (show === "all" ? rows : rows.filter((row) => !row.same));
  return (
    <>
      <Panel title="Where they come from" flush><Origins left={left} right={right} /></Panel>
      <Panel title="On the held-out rows" flush>{Object.keys(left.metrics).length + Object.keys(right.metrics).length === 0 ? <Empty title="Neither came through a gate">The metrics of a version are those that the gate measured.</Empty> : <Metrics label="On the held-out rows" rows={metricRows(left.metrics, right.metrics)} heads={heads} />}</Panel>
      {tracked.length > 0 && <Panel title="Tracked while training" flush><Metrics label="Tracked while training" rows={tracked} heads={heads} /></Panel>}
      <Panel title="Parameters" aside={<Segments label="Parameters" value={show} options={SHOWS} onChange={setShow} />} flush>
        {settings.length === 0 ? <Empty title="No parameter is known" /> : kept(settings).length === 0 ? <Empty title="No difference">All {settings.length} parameters are the same.</Empty> : <Values label="Parameters" rows={kept(settings)} heads={heads} />}
      </Panel>
      <Panel title="Signature" flush>
        <p className="compare-said">{signatureVerdict(inputs, outputs)}</p>
        {[...inputs, ...outputs].some((row) => !row.same) && <Values label="Signature" rows={[...inputs.map((row) => ({ ...row, key: `in ${row.key}` })), ...outputs.map((row) => ({ ...row, key: `out ${row.key}` }))]} heads={heads} />}
      </Panel>
      <div className="cols-2"><Gate version={left} /><Gate version={right} /></div>
    </>
  );
}

const valuesOf = (metrics: Record<string, { value: MetricRow["left"] }> | undefined) => Object.fromEntries(Object.entries(metrics ?? {}).flatMap(([key, metric]) => (metric.value === undefined ? [] : [[key, metric.value]])));

interface Heads {
  left: string;
  right: string;
}

function Frame({ label, heads, last, children }: { label: string; heads: Heads; last?: string; children: ReactNode }): ReactNode {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" role="region" aria-label={label} tabIndex={0}>
      <table className="compare two">
        <thead><tr><th scope="col"><span className="visually-hidden">What</span></th><th scope="col">{heads.left}</th><th scope="col">{heads.right}</th>{last !== undefined && <th scope="col" className="num">{last}</th>}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Origins({ left, right }: { left: ModelVersion; right: ModelVersion }): ReactNode {
  const row = (key: string, show: (version: ModelVersion) => ReactNode, same = false) => <tr key={key}><th scope="row">{key}</th><td>{show(left) ?? none}</td><td>{same ? <span className="faint">the same</span> : show(right) ?? none}</td></tr>;
  const none = <span className="faint">–</span>;
  const equal = (of: (version: ModelVersion) => unknown) => of(left) !== null && of(left) !== undefined && of(left) === of(right);
  return (
    <Frame label="Where they come from" heads={{ left: left.ref, right: right.ref }}>
      {row("Aliases", (each) => (each.aliases.length === 0 ? null : <span className="row tight wrap">{each.aliases.map((alias) => <AliasTag key={alias} alias={alias} />)}</span>))}
      {row("Registered", (each) => <><Ago at={each.created_at} /> by {each.created_by}</>)}
      {row("Data", (each) => (each.lineage?.dataset ? <RefLink kind="dataset_version" id={each.lineage.dataset} /> : null), equal((each) => each.lineage?.dataset))}
      {row("Code", (each) => (each.lineage?.git_commit ? <Id value={each.lineage.git_commit} /> : each.lineage?.code_digest ? <Id value={each.lineage.code_digest} /> : null), equal((each) => each.lineage?.code_digest))}
      {row("Environment", (each) => (each.lineage?.environment_digest ? <Id value={each.lineage.environment_digest} /> : null), equal((each) => each.lineage?.environment_digest))}
      {row("Pipeline run", (each) => (each.lineage?.pipeline_run ? <RefLink kind="pipeline_run" id={each.lineage.pipeline_run}>{each.lineage.pipeline_run.slice(0, 14)}</RefLink> : null))}
      {row("Tracked run", (each) => (each.tracking_run_id === null ? null : <Link className="link" to={paths.run(each.tracking_run_id)}>{each.tracking_run_id.slice(0, 8)}</Link>))}
      {row("Model file", (each) => (each.digest === null ? null : <Id value={each.digest} />), equal((each) => each.digest))}
    </Frame>
  );
}

function Metrics({ label, rows, heads }: { label: string; rows: MetricRow[]; heads: Heads }): ReactNode {
  return (
    <Frame label={label} heads={heads} last="Difference">
      {rows.map((row) => (
        <tr key={row.key}>
          <th scope="row">{row.key}</th><td>{cell(row.left)}</td><td>{cell(row.right)}</td>
          <td className={`num ${row.verdict}`}>{Number.isNaN(row.difference) ? "–" : row.verdict === "same" ? "the same" : <>{signed(row.difference)} <span className="small">{row.verdict === "better" ? "better" : "worse"}</span></>}</td>
        </tr>
      ))}
    </Frame>
  );
}

function Values({ label, rows, heads }: { label: string; rows: ValueRow[]; heads: Heads }): ReactNode {
  const said = (value: string | undefined): ReactNode => (value === undefined ? <span className="faint">–</span> : <code>{value}</code>);
  return <Frame label={label} heads={heads}>{rows.map((row) => <tr key={row.key} className={row.same ? "same" : ""}><th scope="row">{row.key}</th><td>{said(row.left)}</td><td>{said(row.right)}</td></tr>)}</Frame>;
}

function Gate({ version }: { version: ModelVersion }): ReactNode {
  const query = useQuery({ ...gateDecision(version.gate_decision ?? ""), enabled: version.gate_decision !== null });
  return (
    <Panel className="narrow-rules" title={<>Gate on {version.ref}{query.data !== undefined && <State of={query.data.verdict} />}</>} aside={version.gate_decision !== null && <Link to={paths.gateDecision(version.gate_decision)}>Decision</Link>} flush>
      {version.gate_decision === null ? <Empty title="No gate decided">It was registered from outside a pipeline.</Empty> : <Loaded query={query}>{(gate) => <Rules rules={gate.rules} />}</Loaded>}
    </Panel>
  );
}
