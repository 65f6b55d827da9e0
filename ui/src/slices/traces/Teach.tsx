import type { ReactNode } from "react";
import { Copy } from "../../kit/Copy";
import { otlpLines, pythonLines } from "./teachLines";

/** The empty page: the two ways in which a trace comes. */
export function Teach(): ReactNode {
  const origin = window.location.origin;
  return (
    <div className="teach">
      <p className="empty-title">No trace has come yet</p>
      <p className="muted">A trace shows what an application did for one request. Two ways bring them here:</p>
      <div className="cols-2">
        <Way title="From Python, with an unchanged MLflow client" lines={pythonLines(origin)} />
        <Way title="From anything that speaks OpenTelemetry" lines={otlpLines(origin)} note="Where the server asks for tokens, add authorization=Bearer%20pc_… to the headers." />
      </div>
    </div>
  );
}

function Way({ title, lines, note }: { title: string; lines: string; note?: string }): ReactNode {
  return (
    <div className="way">
      <h3>{title}</h3>
      {/* Long lines scroll, so the keyboard must reach them. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="example"><pre tabIndex={0} aria-label={title}><code>{lines}</code></pre><Copy text={`${lines}\n`} label="Copy the lines" /></div>
      {note !== undefined && <p className="small muted">{note}</p>}
    </div>
  );
}
