import { type ReactNode, useState } from "react";
import { Link } from "react-router-dom";
import type { SpanEvent } from "../../api/traces";
import { Segments } from "../../kit/Button";
import { Copy, Id } from "../../kit/Copy";
import { count, micros, percent } from "../../kit/format";
import { JsonTree } from "../../kit/JsonTree";
import { paths } from "../../kit/links";
import { Facts, Panel } from "../../kit/Page";
import { Tag } from "../../kit/State";
import { messagesIn } from "./chat";
import { type Usage, costOfSpan, dollars, inputsOf, kindWords, modelOf, otherAttributes, outputsOf, tokensOfSpan, totalOf } from "./facts";
import { Messages } from "./Messages";
import type { Node } from "./tree";

/** Everything known of one span. */
export function SpanPanel({ trace, node, total_ns }: { trace: string; node: Node; total_ns: number }): ReactNode {
  const { span } = node;
  const tokens = tokensOfSpan(span);
  const cost = totalOf(costOfSpan(span));
  const attributes = otherAttributes(span);
  return (
    <Panel className="span-panel" title={<><span className="truncate">{span.name}</span><Tag>{kindWords(span.kind)}</Tag></>} aside={<Copy text={window.location.origin + paths.trace(trace, span.span_id)} label="Copy the address of this span" />} flush>
      <div className="span-parts">
        {span.status === "ERROR" && <p className="span-error" role="status">{span.message || "It ended in an error."}</p>}
        <Facts wide items={[
          ["Took", span.duration_ns === null ? "still going on" : micros(span.duration_ns / 1000)],
          ["Self", selfWords(node.self_ns, total_ns)],
          ["Began after", micros(span.offset_ns / 1000)],
          ["Model", modelOf(span)],
          ["Tokens", tokens === null ? null : tokenWords(tokens)],
          ["Cost", cost === null ? null : dollars(cost)],
        ]} />
        <Value title="Inputs" value={inputsOf(span)} />
        <Value title="Outputs" value={outputsOf(span)} />
        {span.events.length > 0 && <section><h3>Events</h3><ul className="span-events">{span.events.map((event, index) => <Event key={`${event.name} ${event.offset_ns} ${String(index)}`} event={event} />)}</ul></section>}
        {attributes.length > 0 && <section><h3>Attributes</h3><div className="json-box">{attributes.map(([key, value]) => <JsonTree key={key} name={key} value={value} level={2} />)}</div></section>}
        {span.links.length > 0 && <section><h3>Links</h3><ul className="plain-list">{span.links.map((link) => <li key={`${link.trace_id} ${link.span_id}`}><Link className="link" to={paths.trace(link.trace_id, link.span_id)}>{link.trace_id.slice(0, 14)}, span {link.span_id.slice(0, 8)}</Link></li>)}</ul></section>}
        <p className="small faint row">Span <Id value={span.span_id} length={16} /></p>
      </div>
    </Panel>
  );
}

/** Less than a thousandth of the whole is not worth its digits. */
const selfWords = (self_ns: number, total_ns: number): string => `${micros(self_ns / 1000)}${total_ns > 0 && self_ns / total_ns >= 0.001 ? `, ${percent(self_ns / total_ns)} of the trace` : ""}`;

const tokenWords = (usage: Usage): string => `${count(totalOf(usage) ?? 0)}${usage.input === null || usage.output === null ? "" : ` (${count(usage.input)} in, ${count(usage.output)} out)`}`;

type Look = "messages" | "json";
const LOOKS: { value: Look; label: string }[] = [{ value: "messages", label: "Messages" }, { value: "json", label: "JSON" }];

function Value({ title, value }: { title: string; value: unknown }): ReactNode {
  const messages = messagesIn(value);
  const [look, setLook] = useState<Look>("messages");
  if (value === undefined) return null;
  return (
    <section>
      <div className="row spread part-head"><h3>{title}</h3><span className="row tight">{messages !== null && <Segments label={`${title} as`} value={look} options={LOOKS} onChange={setLook} />}<Copy text={typeof value === "string" ? value : JSON.stringify(value, null, 2)} label={`Copy the ${title.toLowerCase()}`} /></span></div>
      {messages !== null && look === "messages" ? <Messages list={messages} /> : typeof value === "string" ? <p className="span-text">{value}</p> : <div className="json-box"><JsonTree value={value} /></div>}
    </section>
  );
}

/** An event; what was thrown stands first, its stack folded. */
function Event({ event }: { event: SpanEvent }): ReactNode {
  const { "exception.type": type, "exception.message": message, "exception.stacktrace": stack, ...rest } = event.attributes;
  const thrown = type !== undefined || message !== undefined;
  return (
    <li className={thrown ? "thrown" : ""}>
      <div className="row spread"><b>{thrown ? String(type ?? "exception") : event.name}</b><span className="faint small nowrap">after {micros(event.offset_ns / 1000)}</span></div>
      {message !== undefined && <p className="span-text">{String(message)}</p>}
      {typeof stack === "string" && (
        <details><summary>Where it happened</summary>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <div className="stack-box"><pre tabIndex={0} aria-label="Where it happened">{stack}</pre><Copy text={stack} label="Copy the stack" /></div>
        </details>
      )}
      {Object.keys(rest).length > 0 && <JsonTree value={rest} />}
    </li>
  );
}
