/** One message of a server-sent event stream. */
export interface SseMessage {
  id: string | null;
  event: string;
  data: string;
}

/**
 * A parser for `text/event-stream` (WHATWG HTML, section 9.2.6). Feed it text in pieces of any size; it answers the messages that
 * became complete. `EventSource` would do the same, but it sends neither a token nor, after a refused connection, the last id.
 */
export function sseParser(): { feed: (chunk: string) => SseMessage[]; retryMs: () => number | null } {
  let rest = "";
  let id: string | null = null;
  let event = "";
  let data: string[] = [];
  let retry: number | null = null;
  let afterCr = false;

  function line(text: string, out: SseMessage[]): void {
    if (text === "") {
      if (data.length > 0) out.push({ id, event: event === "" ? "message" : event, data: data.join("\n") });
      event = "";
      data = [];
      return;
    }
    if (text.startsWith(":")) return;
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    let value = colon < 0 ? "" : text.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) retry = Number(value);
  }

  function feed(chunk: string): SseMessage[] {
    const out: SseMessage[] = [];
    // A carriage return at the end of one piece and a line feed at the start of the next are one line end.
    let text = rest + (afterCr && chunk.startsWith("\n") ? chunk.slice(1) : chunk);
    if (chunk !== "") afterCr = chunk.endsWith("\r");
    for (;;) {
      const end = text.search(/[\r\n]/);
      if (end < 0) break;
      line(text.slice(0, end), out);
      text = text.slice(end + (text.startsWith("\r\n", end) ? 2 : 1));
    }
    rest = text;
    return out;
  }

  return { feed, retryMs: () => retry };
}
