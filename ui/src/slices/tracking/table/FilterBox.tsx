import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";
import { ApiError } from "../../../api/problem";
import { Button } from "../../../kit/Button";
import { Icon } from "../../../kit/Icon";
import { Inline } from "../../../kit/Inline";
import { type Completion, type Known, complete } from "./complete";

interface FilterBoxProps {
  filter: string;
  known: Known;
  /** What the server said about the filter, if it did not take it. */
  refusal: unknown;
  onFilter: (filter: string) => void;
}

/** The filter, with what can stand next. Enter asks the server; it alone says whether a filter is right. */
export function FilterBox({ filter, known, refusal, onFilter }: FilterBoxProps): ReactNode {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  const [from, setFrom] = useState(filter);
  const [offer, setOffer] = useState<Completion | null>(null);
  const [at, setAt] = useState(-1);
  // A filter that came from elsewhere (a link, a saved view, Back) takes the place of what was written.
  if (from !== filter) {
    setFrom(filter);
    setText(filter);
  }
  const items = offer?.items ?? [];
  const look = (value: string, caret: number) => {
    setOffer(complete(value, caret, known));
    setAt(-1);
  };
  const close = () => {
    setOffer(null);
    setAt(-1);
  };
  const take = (index: number) => {
    const item = items[index];
    if (offer === null || item === undefined) return;
    const next = text.slice(0, offer.from) + item.insert + text.slice(offer.to).replace(/^ /, "");
    const caret = offer.from + item.insert.length;
    setText(next);
    look(next, caret);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(caret, caret);
    });
  };
  const submit = () => {
    close();
    onFilter(text.trim());
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (offer === null) look(text, field.current?.selectionStart ?? text.length);
      else setAt((items.length + at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1)) % Math.max(1, items.length));
    } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) {
      event.preventDefault();
      take(at);
    } else if (event.key === "Escape") close();
  };
  const problem = refusal instanceof ApiError ? refusal.problem : null;
  return (
    <form className="filter-box" role="search" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <div className="filter-line">
        <Icon name="search" size={14} />
        <input ref={field} role="combobox" aria-label="Filter" aria-expanded={items.length > 0} aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
          aria-invalid={problem !== null} aria-describedby={problem === null ? undefined : `${id}-refusal`} value={text} spellCheck={false} autoComplete="off" className="mono" placeholder="metrics.loss < 0.3 AND params.depth = '7'"
          onChange={(event) => { setText(event.target.value); look(event.target.value, event.target.selectionStart ?? event.target.value.length); }}
          onClick={(event) => look(text, event.currentTarget.selectionStart ?? text.length)} onKeyDown={keys} onBlur={close} />
        {text !== filter && <Button type="submit" kind="primary">Filter</Button>}
        {(text !== "" || filter !== "") && <Button kind="ghost" icon="close" aria-label="Clear the filter" onClick={() => { setText(""); close(); onFilter(""); }} />}
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label="Suggestions" className="suggestions" hidden={items.length === 0}>
        {items.map((item, index) => (
          // The field keeps the focus; the list only shows what Enter or a press would take.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li key={item.label} id={`${id}-${index}`} role="option" aria-selected={index === at} tabIndex={-1} onPointerDown={(event) => event.preventDefault()} onClick={() => take(index)}>
            <span className="mono truncate">{item.label}</span><span className="faint small">{item.hint}</span>
          </li>
        ))}
      </ul>
      {problem !== null && <p className="refusal" id={`${id}-refusal`} role="alert"><Inline text={problem.detail} />{problem.hint !== null && <span className="muted"> <Inline text={problem.hint} /></span>}</p>}
    </form>
  );
}
