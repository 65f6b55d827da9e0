/** How a file is shown, by its name and size. Pure functions. */

const KIB = 1024;
const MIB = 1024 * KIB;

export type Kind = "text" | "table" | "json" | "markdown" | "html" | "image" | "onnx" | "media" | "other";

/** How much of a file is read at most. Beginnings of texts and tables say something; half an image does not. */
export const LIMITS: Record<Exclude<Kind, "media" | "other">, { bytes: number; part: boolean }> = {
  text: { bytes: 512 * KIB, part: true },
  table: { bytes: 4 * MIB, part: true },
  json: { bytes: 4 * MIB, part: true },
  markdown: { bytes: 512 * KIB, part: true },
  html: { bytes: 5 * MIB, part: false },
  image: { bytes: 10 * MIB, part: false },
  onnx: { bytes: 128 * MIB, part: false },
};

const BY_END: [Kind, string[]][] = [
  ["table", ["csv", "tsv"]],
  ["json", ["json", "ipynb", "geojson"]],
  ["markdown", ["md", "markdown"]],
  ["html", ["html", "htm"]],
  ["image", ["png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "avif", "ico"]],
  ["onnx", ["onnx"]],
  ["media", ["mp3", "wav", "ogg", "flac", "m4a", "mp4", "webm", "mov", "pdf"]],
  ["text", ["txt", "yaml", "yml", "py", "toml", "log", "ini", "cfg", "conf", "sh", "sql", "r", "js", "ts", "rs", "xml", "jsonl", "ndjson", "lock", "env", "tex", "css", "patch", "diff"]],
];
const KINDS = new Map(BY_END.flatMap(([kind, ends]) => ends.map((end) => [end, kind] as const)));
const TEXT_NAMES = new Set(["mlmodel", "dockerfile", "makefile", "license", "readme", "requirements", "conda", "registered_model_meta"]);

export const nameOf = (path: string): string => path.split("/").at(-1) ?? path;
export const endOf = (path: string): string => (nameOf(path).includes(".") ? nameOf(path).split(".").at(-1) ?? "" : "").toLowerCase();

export function kindOf(path: string): Kind {
  return KINDS.get(endOf(path)) ?? (TEXT_NAMES.has(nameOf(path).toLowerCase()) ? "text" : "other");
}

const IMAGE_TYPES: Record<string, string> = { jpg: "image/jpeg", svg: "image/svg+xml", ico: "image/x-icon" };
/** The type of an image comes from this table and never from the server or the file. */
export const imageType = (path: string): string => IMAGE_TYPES[endOf(path)] ?? `image/${endOf(path)}`;

/** The folders above a file, outermost first. */
export function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** A zero byte near the beginning: no text. */
const LOOKED_AT = 8 * KIB;
export const isBinary = (bytes: Uint8Array): boolean => bytes.subarray(0, LOOKED_AT).includes(0);

/** UTF-8 whose last character may be cut in two. */
export const decoded = (bytes: Uint8Array): string => new TextDecoder("utf-8").decode(bytes, { stream: true });
