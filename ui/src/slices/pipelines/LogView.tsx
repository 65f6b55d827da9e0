import { type ReactNode, memo, useEffect, useMemo, useRef, useState } from "react";
import { type LogLine, type PipelineRun, isActive } from "../../api/pipelines";
import { Segments } from "../../kit/Button";
import { clock } from "../../kit/format";
import { Panel } from "../../kit/Page";
import { useLog } from "./useLog";

type Scope = "step" | "all";

/** Nearer to the end than this counts as reading along. */
const NEAR_END_PX = 40;

/** The log of a pipeline run, live. */
export function LogView({ run, step }: { run: PipelineRun; step: string | null }): ReactNode {
  const [scope, setScope] = useState<Scope>("step");
  const log = useLog(run.id);
  const lines = useMemo(() => (scope === "all" || step === null ? log.lines : log.lines.filter((line) => line.step === step)), [log.lines, scope, step]);
  const live = isActive(run.state) && log.state === "open";
  return (
    <Panel title={<>Log{live && <span className="live on"><i />live</span>}</>} flush className="log-panel"
      aside={<Segments label="Which lines" value={scope} options={[{ value: "step", label: step ?? "step" }, { value: "all", label: "all steps" }]} onChange={setScope} />}>
      <LogLines lines={lines} named={scope === "all"} cut={log.cut} none={log.state === "connecting" ? "Reading…" : scope === "step" && step !== null ? `${step} has written nothing.` : "Nothing was written."} />
    </Panel>
  );
}

interface LogLinesProps {
  lines: LogLine[];
  /** Whether each line says which step wrote it. */
  named: boolean;
  /** Whether there are lines before these. */
  cut: boolean;
  /** What stands here while there is no line. */
  none: string;
  className?: string;
}

/** Lines of a log. They follow the end while one reads there, and stay where one scrolled to otherwise. */
export function LogLines({ lines, named, cut, none, className = "" }: LogLinesProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (lines.length > 0 && follow.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const onScroll = () => {
    const element = box.current;
    if (element !== null) follow.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={`log ${className}`} ref={box} onScroll={onScroll} role="log" aria-label="Log" tabIndex={0}>
      {cut && <p className="faint">earlier lines are left out</p>}
      {/* A log line has no other name than its place. */}
      {/* oxlint-disable-next-line react/no-array-index-key */}
      {lines.map((line, index) => <Line key={`${line.at} ${index}`} line={line} named={named} />)}
      {lines.length === 0 && <p className="faint">{none}</p>}
    </div>
  );
}

const Line = memo(function Line({ line, named }: { line: LogLine; named: boolean }): ReactNode {
  return (
    <p className={line.stream}>
      <time dateTime={line.at}>{clock(line.at, true)}</time>
      {named && <b>{line.step}</b>}
      <span>{line.line}</span>
    </p>
  );
});
