import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Artifact } from "../../api/tracking";
import { Button } from "../../kit/Button";
import { Empty, Loaded } from "../../kit/Feedback";
import { bytes } from "../../kit/format";
import { Icon } from "../../kit/Icon";
import { Panel } from "../../kit/Page";
import { artifactContent, artifacts } from "./queries";

/** A text file up to this size is shown; others are offered for download. */
const PREVIEW_BYTES = 200_000;
const TEXT = /\.(txt|json|ya?ml|md|csv|py|toml|log|html)$|(^|\/)(MLmodel|requirements\.txt|Dockerfile)$/;

const nameOf = (path: string): string => path.split("/").at(-1) ?? path;

/** The files of a run: folders open in place, texts are shown, the rest is downloaded. */
export function Artifacts({ runId }: { runId: string }): ReactNode {
  const [path, setPath] = useState("");
  const [preview, setPreview] = useState<{ path: string; text: string } | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const query = useQuery(artifacts(runId, path));
  const open = async (file: Artifact) => {
    setFailure(null);
    if (file.is_dir) {
      setPath(file.path);
      setPreview(null);
      return;
    }
    try {
      const blob = await artifactContent(runId, file.path);
      if (TEXT.test(file.path) && blob.size <= PREVIEW_BYTES) setPreview({ path: file.path, text: await blob.text() });
      else download(blob, nameOf(file.path));
    } catch (error) {
      setFailure(error instanceof Error ? error.message : "the file could not be read");
    }
  };
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
  return (
    <Panel title="Artifacts" aside={path !== "" && <Button kind="ghost" icon="back" onClick={() => { setPath(parent); setPreview(null); }}>{path}</Button>} flush>
      <Loaded query={query}>
        {(list) => (list.length === 0 ? <Empty title="No artifact was logged" /> : (
          <ul className="lines files">
            {list.map((file) => (
              <li key={file.path}>
                <button type="button" onClick={() => void open(file)}>
                  <Icon name={file.is_dir ? "folder" : "file"} size={14} /><span className="grow truncate">{nameOf(file.path)}</span><span className="faint small">{file.is_dir ? "" : bytes(file.bytes)}</span>
                </button>
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
      {failure !== null && <p className="inline-error panel-body" role="alert">{failure}</p>}
      {preview !== null && (
        <div className="preview">
          <div className="row spread"><code>{preview.path}</code><Button kind="ghost" icon="close" aria-label="Close the preview" onClick={() => setPreview(null)} /></div>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0}>{preview.text}</pre>
        </div>
      )}
    </Panel>
  );
}

function download(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
