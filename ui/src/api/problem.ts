/** The body of an error answer (RFC 9457), or our own words when there was no answer. */
export interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  hint: string | null;
  request_id: string | null;
}

/** An API call that did not succeed. `status` 0 means that no answer came. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** Reads a problem from an answer; an answer of another kind (a proxy's page, say) becomes a problem too. */
export function problemFrom(status: number, body: unknown, requestId: string | null): Problem {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  return {
    status,
    code: text(fields["code"]) ?? `HTTP_${status}`,
    title: text(fields["title"]) ?? `The server answered ${status}`,
    detail: text(fields["detail"]) ?? "The answer carried no explanation.",
    hint: text(fields["hint"]),
    request_id: text(fields["request_id"]) ?? requestId,
  };
}

/** The problem for a request that got no answer at all. */
export function unreachable(): Problem {
  return {
    status: 0,
    code: "UNREACHABLE",
    title: "No answer from the server",
    detail: "The server did not answer. It may have stopped, or the network is away.",
    hint: "check that `pitcrew up` is still running",
    request_id: null,
  };
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;
export const isUnauthenticated = (error: unknown): boolean => error instanceof ApiError && error.status === 401;
