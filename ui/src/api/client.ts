/** The only place that calls the API. */
import type { Page } from "./shapes";
import { ApiError, problemFrom, unreachable } from "./problem";
import { authHeaders } from "./token";

export const BASE = "/api/v1";

/** Values for a query string; what is undefined is left out. */
export type Query = Record<string, string | number | boolean | undefined>;

export function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) search.set(key, String(value));
  }
  const tail = search.toString();
  return tail === "" ? BASE + path : `${BASE}${path}?${tail}`;
}

/** One segment of a path, escaped: run ids and names come from outside. */
export const seg = (value: string | number): string => encodeURIComponent(String(value));

async function send(method: string, address: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...authHeaders() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers, signal: signal ?? null };
  if (body !== undefined) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(address, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(unreachable());
  }
  if (response.ok) return response;
  const parsed: unknown = await response.json().catch(() => null);
  throw new ApiError(problemFrom(response.status, parsed, response.headers.get("X-Request-Id")));
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await send("GET", url(path, query), undefined, signal);
  return (await response.json()) as T;
}

/** The items of a list's first page, as many as the API gives at once. */
export async function list<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const page = await get<Page<T>>(path, { limit: 1000, ...query }, signal);
  return page.items;
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  const response = await send("PATCH", url(path), body, undefined);
  return (await response.json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await send("POST", url(path), body, undefined);
  return (await response.json()) as T;
}

export async function put<T>(path: string, body: unknown, query?: Query): Promise<T> {
  const response = await send("PUT", url(path, query), body, undefined);
  return (await response.json()) as T;
}

/** Removes what stands at an address. */
export async function remove(path: string, query?: Query): Promise<void> {
  await send("DELETE", url(path, query), undefined, undefined);
}

/** Plain text with the offset at which it continues, as step logs answer. */
export async function getText(path: string, query?: Query, signal?: AbortSignal): Promise<{ text: string; next: number }> {
  const response = await send("GET", url(path, query), undefined, signal);
  const next = Number(response.headers.get("X-Next-Offset") ?? "0");
  return { text: await response.text(), next: Number.isFinite(next) ? next : 0 };
}

/** The beginning of a file, at most so many bytes; what follows is not sent for. */
export async function getHead(path: string, query: Query, most: number, signal?: AbortSignal): Promise<{ bytes: Uint8Array<ArrayBuffer>; whole: boolean }> {
  const response = await send("GET", url(path, query), undefined, signal);
  if (response.body === null) return { bytes: new Uint8Array(), whole: true };
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  let whole = false;
  while (length <= most) {
    const { done, value } = await reader.read();
    if (done) {
      whole = true;
      break;
    }
    parts.push(value);
    length += value.length;
  }
  if (!whole) await reader.cancel();
  const bytes = new Uint8Array(Math.min(length, most));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - at), at);
    at = Math.min(bytes.length, at + part.length);
  }
  return { bytes, whole };
}

/** A file as it is, for previews and downloads. A plain link could not carry the token. */
export async function getBlob(path: string, query?: Query): Promise<Blob> {
  const response = await send("GET", url(path, query), undefined, undefined);
  return response.blob();
}
