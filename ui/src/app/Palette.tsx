import { useQueries } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router-dom";
import { Dialog } from "../kit/Dialog";
import { Icon, type IconName } from "../kit/Icon";
import { paths } from "../kit/links";
import { datasets } from "../slices/data/queries";
import { deployments, releases } from "../slices/serving/queries";
import { models } from "../slices/registry/queries";
import { alerts, monitors } from "../slices/monitoring/queries";
import { pipelineRuns, pipelines } from "../slices/pipelines/queries";
import { previewWords } from "../slices/traces/facts";
import { newestTraces } from "../slices/traces/queries";
import { recentRuns } from "../slices/tracking/queries";
import { type Entry, search } from "./search";
import { nextTheme, readTheme, writeTheme } from "./theme";
import { PLACES } from "./nav";

interface Command extends Entry {
  icon: IconName;
  hint: string;
  act: () => void;
}

const SHOWN = 12;
/** Traces come by the thousand; the page of traces searches the others. */
const TRACES = 30;

/** Search over every object and place, and the few commands that are no page. */
export default function Palette({ onClose }: { onClose: () => void }): ReactNode {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const commands = useCommands();
  const found = useMemo(() => search(commands, text).slice(0, SHOWN), [commands, text]);
  const choose = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    command.act();
  };
  const onKey = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by !== 0) {
      event.preventDefault();
      const next = (at + by + found.length) % Math.max(found.length, 1);
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(found[at]);
    }
  };
  return (
    <Dialog title="Search" onClose={onClose} className="palette">
      <div className="palette-field">
        <Icon name="search" />
        {/* The palette is opened to be typed into. */}
        {/* oxlint-disable-next-line jsx-a11y/no-autofocus */}
        <input autoFocus value={text} placeholder="Go to a page, a model, a run…" role="combobox" aria-expanded="true" aria-controls="palette-list"
          aria-activedescendant={found[at] === undefined ? undefined : `palette-${at}`} aria-label="Search" spellCheck={false}
          onChange={(event) => { setText(event.target.value); setAt(0); }} onKeyDown={onKey} />
        <kbd>Esc</kbd>
      </div>
      <ul id="palette-list" role="listbox" aria-label="Results" ref={list}>
        {found.map((command, index) => (
          // The field keeps the focus and the keys; the list is for the pointer.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li key={command.id} id={`palette-${index}`} role="option" aria-selected={index === at} tabIndex={-1}
            onPointerMove={() => setAt(index)} onClick={() => choose(command)}>
            <Icon name={command.icon} /><span className="truncate grow">{command.label}</span><span className="faint small nowrap">{command.hint}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="palette-none muted">Nothing is called “{text}”.</p>}
    </Dialog>
  );
}

function useCommands(): Command[] {
  const navigate = useNavigate();
  const [d, p, pr, m, dep, rel, mon, al, r, tr] = useQueries({
    queries: [datasets(), pipelines(), pipelineRuns(), models(), deployments(), releases(), monitors(), alerts(), recentRuns(), newestTraces(TRACES)],
  });
  return useMemo(() => {
    const go = (id: string, icon: IconName, label: string, hint: string, to: string): Command =>
      ({ id, icon, label, hint, act: () => void navigate(to) });
    return [
      ...PLACES.map((place) => go(`place ${place.to}`, place.icon, place.label, `g ${place.key}`, place.to)),
      { id: "theme", icon: "moon" as const, label: "Change the theme", hint: "t", act: () => writeTheme(nextTheme(readTheme())) },
      ...(m.data ?? []).map((x) => go(`model ${x.name}`, "models", x.name, "model", paths.model(x.name))),
      ...(m.data ?? []).flatMap((x) => x.latest === null ? [] : [go(`version ${x.latest.ref}`, "models", x.latest.ref, "latest version", paths.modelVersion(x.name, x.latest.version))]),
      ...(dep.data ?? []).map((x) => go(`deployment ${x.name}`, "deployments", x.name, "deployment", paths.deployment(x.name))),
      ...(d.data ?? []).map((x) => go(`dataset ${x.name}`, "data", x.name, "data set", paths.dataset(x.name))),
      ...(p.data ?? []).map((x) => go(`pipeline ${x.name}`, "pipelines", x.name, "pipeline", paths.pipeline(x.name))),
      ...(mon.data ?? []).map((x) => go(`monitor ${x.name}`, "monitors", x.name, "monitor", paths.monitor(x.name))),
      ...(rel.data ?? []).map((x) => go(`release ${x.id}`, "canary", `${x.model}/${x.candidate} on ${x.deployment}`, `release, ${x.state.replace("_", " ")}`, paths.release(x.id))),
      ...(al.data ?? []).map((x) => go(`alert ${x.id}`, "alerts", x.summary, `alert, ${x.state}`, paths.alert(x.id))),
      ...(pr.data ?? []).slice(0, 50).map((x) => go(`prun ${x.id}`, "pipelines", `${x.pipeline} #${x.number}`, `pipeline run, ${x.state}`, paths.pipelineRun(x.id))),
      ...(tr.data?.items ?? []).map((x) => go(`trace ${x.trace_id}`, "traces", [x.name ?? x.trace_id.slice(0, 11), previewWords(x.request_preview)].filter(Boolean).join(": "), `trace, ${x.state === "IN_PROGRESS" ? "running" : x.state.toLowerCase()}`, paths.trace(x.trace_id))),
      ...(r.data ?? []).map((x) => go(`run ${x.run_id}`, "runs", x.name, `run in ${x.experiment}`, paths.run(x.run_id))),
    ];
  }, [navigate, d.data, p.data, pr.data, m.data, dep.data, rel.data, mon.data, al.data, r.data, tr.data]);
}
