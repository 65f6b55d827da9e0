import { type ReactNode, useState } from "react";
import { readToken } from "../../../api/token";
import { Button } from "../../../kit/Button";
import { Icon } from "../../../kit/Icon";
import { artifactAddress, artifactContent } from "../queries";
import { nameOf } from "./kinds";

/** Saves a file. Without a token the browser fetches it itself, however large; with one we must, since a link cannot carry it. */
export function Download({ runId, path }: { runId: string; path: string }): ReactNode {
  const [state, setState] = useState<"idle" | "busy" | string>("idle");
  if (readToken() === null) return <a className="button" href={artifactAddress(runId, path)} download={nameOf(path)}><Icon name="download" size={14} />Download</a>;
  const fetchIt = async () => {
    setState("busy");
    try {
      save(await artifactContent(runId, path), nameOf(path));
      setState("idle");
    } catch (error) {
      setState(error instanceof Error ? error.message : "the file could not be read");
    }
  };
  return (
    <>
      {state !== "idle" && state !== "busy" && <span className="inline-error small" role="alert">{state}</span>}
      <Button icon="download" disabled={state === "busy"} onClick={() => void fetchIt()}>{state === "busy" ? "Fetching…" : "Download"}</Button>
    </>
  );
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
