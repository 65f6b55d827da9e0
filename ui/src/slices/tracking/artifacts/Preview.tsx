import { useQuery } from "@tanstack/react-query";
import { type ReactNode, lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Empty, Loaded, Skeleton } from "../../../kit/Feedback";
import { bytes as size, count } from "../../../kit/format";
import { JsonTree } from "../../../kit/JsonTree";
import { artifactHead } from "../queries";
import { MAX_COLUMNS, MAX_ROWS, parseRows } from "./csv";
import { framed } from "./frame";
import { type Kind, LIMITS, decoded, endOf, imageType, isBinary, kindOf, nameOf } from "./kinds";
import { Markdown } from "./Markdown";

const Onnx = lazy(async () => ({ default: (await import("./Onnx")).Onnx }));

type Shown = Exclude<Kind, "media" | "other">;

interface PreviewProps {
  runId: string;
  path: string;
  /** Its size as the list tells it; unknown for an address that names a file. */
  bytes: number | null;
}

/** A file, shown as what it is. What it holds is drawn by us, or stands in a frame that may do nothing. */
export function Preview({ runId, path, bytes }: PreviewProps): ReactNode {
  const kind = kindOf(path);
  if (kind === "media") return <Empty title={endOf(path) === "pdf" ? "A document" : "A recording"}>It is not shown here. Download it to open it.</Empty>;
  if (kind === "other") return <Empty title="No preview">Files that end in <code>{endOf(path) === "" ? nameOf(path) : `.${endOf(path)}`}</code> are not shown. Download it to open it.</Empty>;
  const limit = LIMITS[kind];
  if (!limit.part && bytes !== null && bytes > limit.bytes) return <TooLarge bytes={bytes} limit={limit.bytes} />;
  return <Read runId={runId} path={path} kind={kind} bytes={bytes} />;
}

function TooLarge({ bytes, limit }: { bytes: number | null; limit: number }): ReactNode {
  return <Empty title="Too large to be shown">{bytes === null ? "It has" : `It has ${size(bytes)},`} more than the {size(limit)} that are read for a preview. Download it to open it.</Empty>;
}

function Read({ runId, path, kind, bytes }: { runId: string; path: string; kind: Shown; bytes: number | null }): ReactNode {
  const limit = LIMITS[kind];
  const query = useQuery(artifactHead(runId, path, limit.bytes));
  return (
    <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={8} /></div>}>
      {(head) => (!head.whole && !limit.part ? <TooLarge bytes={bytes} limit={limit.bytes} /> : <Content path={path} kind={kind} bytes={head.bytes} whole={head.whole} />)}
    </Loaded>
  );
}

interface ContentProps {
  path: string;
  kind: Shown;
  bytes: Uint8Array<ArrayBuffer>;
  whole: boolean;
}

function Content({ path, kind, bytes, whole }: ContentProps): ReactNode {
  if (bytes.length === 0) return <Empty title="The file is empty" />;
  if (kind === "image") return <Picture path={path} bytes={bytes} />;
  if (kind === "onnx") return <Suspense fallback={<div className="panel-body"><Skeleton lines={6} /></div>}><Onnx bytes={bytes} /></Suspense>;
  if (isBinary(bytes)) return <Empty title="No text">The file has the name of a text and is none. Download it to open it.</Empty>;
  const text = decoded(bytes);
  if (kind === "table") return <Rows text={text} path={path} whole={whole} />;
  if (kind === "json") return <Json text={text} whole={whole} />;
  if (kind === "markdown") return <>{!whole && <Cut bytes={bytes.length} />}<Markdown text={text} /></>;
  if (kind === "html") {
    return (
      <>
        <p className="cut small muted">Shown without its scripts and without what it would load from elsewhere.</p>
        <iframe className="html-preview" title={nameOf(path)} sandbox="" referrerPolicy="no-referrer" srcDoc={framed(text)} />
      </>
    );
  }
  return <Lines text={text} whole={whole} bytes={bytes.length} />;
}

function Cut({ bytes }: { bytes: number }): ReactNode {
  return <p className="cut small muted">The first {size(bytes)} are shown. Download the file for the rest.</p>;
}

/** Lines that are drawn; a file of line ends alone must not stop the page. */
const MAX_LINES = 20_000;

function Lines({ text, whole, bytes }: { text: string; whole: boolean; bytes: number }): ReactNode {
  const { shown, numbers, cut } = useMemo(() => {
    const all = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
    const lines = all.slice(0, MAX_LINES);
    return { shown: lines.join("\n"), numbers: lines.map((_, index) => index + 1).join("\n"), cut: all.length > MAX_LINES };
  }, [text]);
  return (
    <>
      {cut ? <p className="cut small muted">The first {count(MAX_LINES)} lines are shown. Download the file for the rest.</p> : !whole && <Cut bytes={bytes} />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="code-lines" role="region" aria-label="Content" tabIndex={0}><pre aria-hidden="true" className="line-numbers">{numbers}</pre><pre>{shown}</pre></div>
    </>
  );
}

function Json({ text, whole }: { text: string; whole: boolean }): ReactNode {
  const parsed = useMemo((): { value: unknown } | null => {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return null;
    }
  }, [text]);
  if (parsed === null) return <>{whole && <p className="cut small muted">It is not valid JSON, so it is shown as text.</p>}<Lines text={text} whole={whole} bytes={text.length} /></>;
  return <div className="json-box bare"><JsonTree value={parsed.value} open /></div>;
}

function Rows({ text, path, whole }: { text: string; path: string; whole: boolean }): ReactNode {
  const table = useMemo(() => (endOf(path) === "tsv" ? parseRows(text, whole, "\t") : parseRows(text, whole)), [text, path, whole]);
  if (table.head.length === 0) return <Empty title="The table has no rows" />;
  return (
    <>
      <p className="cut small muted">
        {table.cut.rows ? `The first ${count(table.rows.length)} rows are shown` : `${count(table.rows.length)} ${table.rows.length === 1 ? "row" : "rows"}`}{table.cut.columns ? ` and the first ${MAX_COLUMNS} columns` : `, ${table.head.length} ${table.head.length === 1 ? "column" : "columns"}`}.
        {table.cut.rows && ` Previews end at ${count(MAX_ROWS)} rows or ${size(LIMITS.table.bytes)}.`}
      </p>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="table-box rows-box" role="region" aria-label={nameOf(path)} tabIndex={0}>
        <table>
          {/* Columns and rows of a file have no other name than their place. */}
          {/* oxlint-disable-next-line react/no-array-index-key */}
          <thead><tr><th scope="col" className="num faint">#</th>{table.head.map((name, index) => <th key={index} scope="col" className={table.numeric[index] ? "num" : ""}>{name}</th>)}</tr></thead>
          {/* oxlint-disable-next-line react/no-array-index-key */}
          <tbody>{table.rows.map((row, index) => <tr key={index}><td className="num faint">{index + 1}</td>{table.head.map((_, place) => <td key={place} className={table.numeric[place] ? "num" : ""}>{row[place]}</td>)}</tr>)}</tbody>
        </table>
      </div>
    </>
  );
}

function Picture({ path, bytes }: { path: string; bytes: Uint8Array<ArrayBuffer> }): ReactNode {
  const [address, setAddress] = useState<string | null>(null);
  const [about, setAbout] = useState<string | null>(null);
  useEffect(() => {
    // The page's policy lets images come from `data:` and no other place; an image runs no script, not even an SVG.
    const reader = new FileReader();
    reader.addEventListener("load", () => setAddress(reader.result as string));
    reader.readAsDataURL(new Blob([bytes], { type: imageType(path) }));
    return () => reader.abort();
  }, [bytes, path]);
  if (about === "") return <Empty title="No image">The file has the name of an image, and this browser cannot show it. Download it to look into it.</Empty>;
  return (
    <figure className="picture">
      {address !== null && <img src={address} alt={nameOf(path)} onLoad={(event) => setAbout(`${event.currentTarget.naturalWidth} × ${event.currentTarget.naturalHeight}`)} onError={() => setAbout("")} />}
      {about !== null && <figcaption className="small muted">{about} pixels, {size(bytes.length)}</figcaption>}
    </figure>
  );
}
