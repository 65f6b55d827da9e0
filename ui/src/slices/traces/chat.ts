/** Finds the messages of a conversation in what went into a span or came out of it. Pure functions. */

export interface ToolCall {
  name: string;
  args: unknown;
}

export interface Message {
  role: string;
  text: string;
  calls: ToolCall[];
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/**
 * Knows the shapes of the common providers: `messages`, `choices`, `input` and `output` items, content in blocks or parts, a system
 * prompt beside the messages. Null when it is no conversation, so that the JSON is shown.
 */
export function messagesIn(value: unknown): Message[] | null {
  const found = listOf(value);
  const messages = found?.map(messageOf);
  if (messages === undefined || messages.length === 0 || messages.some((each) => each === null)) return null;
  return messages.filter((each) => each !== null);
}

function listOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (!isFields(value)) return undefined;
  const { messages, choices, input, output, message, generations, system, instructions } = value;
  const before = [system, instructions].filter((each) => typeof each === "string").map((content) => ({ role: "system", content }));
  if (Array.isArray(messages)) return [...before, ...messages.flat()];
  if (Array.isArray(choices)) return choices.map((each) => (isFields(each) ? each["message"] : each));
  if (Array.isArray(generations)) return generations.flat().map((each) => (isFields(each) && isFields(each["message"]) ? each["message"] : each));
  if (typeof input === "string" && typeof value["model"] === "string") return [...before, { role: "user", content: input }];
  if (Array.isArray(input)) return [...before, ...input];
  if (Array.isArray(output)) return output;
  if (isFields(message)) return [message];
  if ("role" in value || value["type"] === "message") return [value];
  return undefined;
}

const ROLE_OF_TYPE: Record<string, string> = { human: "user", ai: "assistant", system: "system", tool: "tool", function_call: "assistant", function_call_output: "tool" };

function messageOf(value: unknown): Message | null {
  if (!isFields(value)) return null;
  const type = textOf(value["type"]);
  const role = textOf(value["role"]) || ROLE_OF_TYPE[type];
  if (role === undefined) return null;
  if (type === "function_call") return { role, text: "", calls: [callOf(value)] };
  if (type === "function_call_output") return { role, text: shown(value["output"]), calls: [] };
  const blocks = blocksOf(value["content"] ?? value["parts"]);
  const calls = Array.isArray(value["tool_calls"]) ? value["tool_calls"].filter(isFields).map(callOf) : [];
  return { role, text: blocks.text, calls: [...blocks.calls, ...calls] };
}

function blocksOf(content: unknown): { text: string; calls: ToolCall[] } {
  if (!Array.isArray(content)) return { text: content === null || content === undefined ? "" : shown(content), calls: [] };
  const texts: string[] = [];
  const calls: ToolCall[] = [];
  for (const block of content) {
    if (!isFields(block)) texts.push(shown(block));
    else if (block["type"] === "tool_use" || block["type"] === "tool_call") calls.push(callOf(block));
    else if (typeof block["text"] === "string") texts.push(block["text"]);
    else if (block["content"] !== undefined) texts.push(blocksOf(block["content"]).text);
    else if (/image/.test(textOf(block["type"]))) texts.push("[image]");
    else texts.push(shown(block));
  }
  return { text: texts.join("\n"), calls };
}

function callOf(value: Fields): ToolCall {
  const inner = isFields(value["function"]) ? value["function"] : value;
  const args = inner["arguments"] ?? inner["args"] ?? inner["input"];
  return { name: textOf(inner["name"]) || "tool", args: typeof args === "string" ? readable(args) : args };
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "");
