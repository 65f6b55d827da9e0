import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/problem";
import { Button } from "./Button";
import { Copy } from "./Copy";
import { Inline } from "./Inline";

/** Lines in the place where the content will stand. */
export function Skeleton({ lines = 4, height }: { lines?: number; height?: number }): ReactNode {
  if (height !== undefined) return <div className="skeleton-block" style={{ height }} aria-hidden="true" />;
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, i) => <span key={i} style={{ width: `${[92, 78, 85, 64, 72][i % 5]}%` }} />)}
    </div>
  );
}

interface EmptyProps {
  title: string;
  children?: ReactNode;
  /** Lines of `pitcrew.yaml` that declare what is missing. */
  example?: string;
  /** The command that fills this place. */
  command?: string;
}

/** A place without content, saying what will stand here and which command puts it there. */
export function Empty({ title, children, example, command }: EmptyProps): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children !== undefined && <p className="muted">{children}</p>}
      {example !== undefined && <pre className="example"><code>{example}</code><Copy text={`${example}\n`} label="Copy the lines" /></pre>}
      {command !== undefined && (
        <p className="command">
          <code><span aria-hidden="true">$ </span>{command}</code>
          <Copy text={command} label="Copy the command" />
        </p>
      )}
    </div>
  );
}

/** What went wrong, in the server's words, and what to do. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }): ReactNode {
  const problem = error instanceof ApiError ? error.problem : null;
  const missing = problem?.status === 404;
  return (
    <div className="failure" role="alert">
      <p className="failure-title">{problem?.title ?? "This part could not be shown"}</p>
      <p className="muted"><Inline text={problem?.detail ?? (error instanceof Error ? error.message : "Unknown error")} /></p>
      {problem?.hint && <p className="failure-hint"><span>hint</span> <Inline text={problem.hint} /></p>}
      <p className="row wrap failure-foot">
        {retry !== undefined && <Button onClick={retry}>{missing ? "Look again" : "Try again"}</Button>}
        {problem !== null && <code className="faint">{problem.code}</code>}
        {problem?.request_id && <code className="faint">request {problem.request_id}</code>}
      </p>
    </div>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}

/** The three states of a query: its skeleton, its failure with a retry, its content. Content stays while a refresh fails. */
export function Loaded<T>({ query, skeleton, children }: LoadedProps<T>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  return <div aria-busy="true"><span className="visually-hidden">Loading</span>{skeleton ?? <Skeleton />}</div>;
}
