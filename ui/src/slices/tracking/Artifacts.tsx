import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "react-router-dom";
import type { Artifact } from "../../api/tracking";
import { Empty, Failure, Loaded, Skeleton } from "../../kit/Feedback";
import { bytes } from "../../kit/format";
import { Icon } from "../../kit/Icon";
import { Panel } from "../../kit/Page";
import { Download } from "./artifacts/Download";
import { foldersOf, nameOf } from "./artifacts/kinds";
import { Preview } from "./artifacts/Preview";
import { artifacts } from "./queries";
import "./artifacts/artifacts.css";

interface Choice {
  path: string;
  bytes: number | null;
}

/** The files of a run: a tree of folders that open in place, and beside it the file that was chosen. The address keeps the choice. */
export function Artifacts({ runId }: { runId: string }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const path = search.get("artifact");
  const [size, setSize] = useState<Choice | null>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(path === null ? [] : foldersOf(path)));
  const query = useQuery(artifacts(runId, ""));
  const choose = (file: Artifact) => {
    setSize({ path: file.path, bytes: file.bytes });
    setSearch((old) => {
      const next = new URLSearchParams(old);
      next.set("artifact", file.path);
      return next;
    }, { replace: true, preventScrollReset: true });
  };
  const turn = (folder: string) => setOpen((old) => {
    const next = new Set(old);
    if (!next.delete(folder)) next.add(folder);
    return next;
  });
  return (
    <Panel title="Artifacts" flush>
      <Loaded query={query} skeleton={<div className="panel-body"><Skeleton lines={4} /></div>}>
        {(list) => (list.length === 0
          ? <Empty title="No artifact was logged" command={'mlflow.log_artifact("report.html")'}>Files of any kind can be kept with a run: figures, tables, models.</Empty>
          : (
            <div className="artifacts">
              <div className="artifact-tree"><Files runId={runId} list={list} open={open} chosen={path} onTurn={turn} onChoose={choose} /></div>
              <div className="artifact-view">
                {path === null ? <Empty title="Choose a file">Images, tables, JSON, texts, Markdown, HTML and ONNX models are shown here; everything can be downloaded.</Empty> : (
                  <>
                    <header className="row spread"><code className="truncate" title={path}>{path}</code><span className="row">{size?.path === path && <span className="faint small nowrap">{bytes(size.bytes)}</span>}<Download key={path} runId={runId} path={path} /></span></header>
                    <Preview key={path} runId={runId} path={path} bytes={size?.path === path ? size.bytes : null} />
                  </>
                )}
              </div>
            </div>
          ))}
      </Loaded>
    </Panel>
  );
}

interface FilesProps {
  runId: string;
  list: Artifact[];
  open: ReadonlySet<string>;
  chosen: string | null;
  onTurn: (folder: string) => void;
  onChoose: (file: Artifact) => void;
}

function Files({ list, ...rest }: FilesProps): ReactNode {
  const sorted = list.toSorted((a, b) => Number(b.is_dir) - Number(a.is_dir) || a.path.localeCompare(b.path, "en", { numeric: true }));
  return <ul>{sorted.map((file) => <li key={file.path}>{file.is_dir ? <Folder folder={file} {...rest} /> : <File file={file} chosen={rest.chosen === file.path} onChoose={rest.onChoose} />}</li>)}</ul>;
}

function Folder({ folder, ...rest }: Omit<FilesProps, "list"> & { folder: Artifact }): ReactNode {
  const isOpen = rest.open.has(folder.path);
  const query = useQuery({ ...artifacts(rest.runId, folder.path), enabled: isOpen });
  return (
    <>
      <button type="button" aria-expanded={isOpen} onClick={() => rest.onTurn(folder.path)}><span className={`folder-mark ${isOpen ? "open" : ""}`}><Icon name="chevron" size={10} /></span><Icon name="folder" size={14} /><span className="truncate grow">{nameOf(folder.path)}</span></button>
      {isOpen && (query.data === undefined
        ? query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <p className="faint small loading">Looking…</p>
        : query.data.length === 0 ? <p className="faint small loading">empty</p> : <Files {...rest} list={query.data} />)}
    </>
  );
}

function File({ file, chosen, onChoose }: { file: Artifact; chosen: boolean; onChoose: (file: Artifact) => void }): ReactNode {
  return <button type="button" aria-current={chosen ? "true" : undefined} onClick={() => onChoose(file)}><span className="folder-mark" /><Icon name="file" size={14} /><span className="truncate grow" title={nameOf(file.path)}>{nameOf(file.path)}</span><span className="faint small nowrap">{bytes(file.bytes)}</span></button>;
}
