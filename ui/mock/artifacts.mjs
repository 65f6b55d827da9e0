/** The files of a run: one of each kind that the UI shows, and a page that tries what it may not. */
import { Buffer } from "node:buffer";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CHART = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="320" viewBox="0 0 640 320"><rect width="640" height="320" fill="#fff"/><g fill="none" stroke="#16171a" stroke-width="2"><path d="M40 280L600 60"/><path d="M40 20V280H620" stroke="#999"/></g>${Array.from({ length: 90 }, (_, i) => `<circle cx="${50 + i * 6}" cy="${276 - i * 2.4 + Math.sin(i * 7) * 26}" r="3" fill="#4a72c4"/>`).join("")}<script>parent.document.title = "broken out"</script></svg>`;
const CSV = `ts,hr,temp,rain,cnt,predicted\n${Array.from({ length: 1400 }, (_, i) => `2012-06-${String(1 + Math.floor(i / 24) % 30).padStart(2, "0")}T${String(i % 24).padStart(2, "0")}:00:00Z,${i % 24},${(0.4 + 0.2 * Math.sin(i / 24)).toFixed(3)},${i % 5 === 0 ? '"light, later none"' : "none"},${120 + ((i * 37) % 400)},${120 + ((i * 41) % 400)}`).join("\n")}\n`;
const NOTES = "# How it was trained\n\nTwo hundred **boosted** trees on `bikes@3`, see [the data](https://archive.example.org/bikes).\n\n- hours 0 to 23\n- weather as *classes*\n  - missing humidity stays missing\n\n| metric | value |\n|---|---|\n| mae | 29.9 |\n| wape | 0.203 |\n\n> Holidays are rare; do not trust them.\n\n```\npython steps/train.py\n```\n\n<script>parent.document.title = 'broken out'</script>\n";
const HOSTILE = `<!doctype html><html><head><title>report</title><meta http-equiv="refresh" content="1; url=http://127.0.0.1:9/left"><style>body { font: 14px sans-serif; padding: 16px } table { border-collapse: collapse } td { border: 1px solid #ccc; padding: 4px 12px }</style></head>
<body><h1>HistGradientBoostingRegressor</h1><p id="said">Drawn without its scripts.</p><table><tr><td>max_iter</td><td>200</td></tr></table>
<img src="/api/v1/status?from=image" onerror="parent.document.title='broken out'"><img src=x onerror="top.location='/audit'"><link rel="stylesheet" href="/api/v1/status?from=style"><iframe src="/api/v1/status?from=frame"></iframe>
<script>document.getElementById("said").textContent = "a script ran"; parent.document.title = "broken out"; fetch("/api/v1/status?from=script"); localStorage.x = 1;</script>
<form action="/api/v1/status?from=form"><button>send</button></form></body></html>`;
const JSON_TEXT = JSON.stringify({ trees: 200, importances: { hr: 0.62, temp: 0.18, workingday: 0.11, hum: 0.05, windspeed: 0.04 }, history: Array.from({ length: 200 }, (_, i) => ({ step: i, loss: 400 / (i + 1) })) });

const varint = (value) => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]);
const int = (field, value) => [...varint(field * 8), ...varint(value)];
const part = (field, bytes) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
const word = (field, text) => part(field, [...Buffer.from(text)]);
const value = (field, name) => part(field, [...word(1, name), ...part(2, part(1, [...int(1, 1), ...part(2, [...part(1, word(2, "batch")), ...part(1, int(1, 1))])]))]);
const node = (name, domain = "") => part(1, [...word(4, name), ...(domain === "" ? [] : word(7, domain))]);
const ONNX = Buffer.from([...int(1, 10), ...word(2, "skl2onnx"), ...word(3, "1.19.1"), ...part(7, [...["Concat", "Cast", "Reshape"].flatMap((name) => node(name)), ...node("TreeEnsembleRegressor", "ai.onnx.ml"), ...word(2, "bikes"), ...["season", "hr", "workingday", "weathersit", "temp", "hum", "windspeed"].flatMap((name) => value(11, name)), ...value(12, "variable")]), ...part(8, int(2, 21)), ...part(8, [...word(1, "ai.onnx.ml"), ...int(2, 3)])]);

const FILES = {
  "model/MLmodel": "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\nsignature: 7 inputs, 1 output\n", "model/model.onnx": ONNX, "model/requirements.txt": "onnx==1.19.0\nonnxruntime==1.23.0\n", "model/card/NOTES.md": NOTES,
  "importances.json": JSON_TEXT, "estimator.html": HOSTILE, "figures/residuals.svg": CHART, "figures/pixel.png": Buffer.from(PIXEL, "base64"), "figures/broken.png": "no image", "predictions.csv": CSV, "train.log": "iteration 1\n".repeat(60), "weights.bin": "\0\0", "talk.mp4": "\0", "empty.txt": "",
};
/** Told larger than it is, so that the limit can be seen without the bytes. */
const LARGE = { "huge.png": 48_000_000 };

/** Folders and files directly under a path. */
export function artifactsAt(path) {
  const under = path ? `${path}/` : "";
  const sizes = { ...Object.fromEntries(Object.entries(FILES).map(([name, content]) => [name, Buffer.byteLength(content)])), ...LARGE };
  const found = new Map();
  for (const [name, bytes] of Object.entries(sizes).filter(([each]) => each.startsWith(under))) {
    const [first, ...rest] = name.slice(under.length).split("/");
    found.set(first, rest.length > 0 ? { path: under + first, is_dir: true, bytes: null } : { path: name, is_dir: false, bytes });
  }
  return [...found.values()];
}

/** As the server sends them: to be saved, whatever they are. */
export function sendArtifact(response, path) {
  const content = FILES[path];
  if (content === undefined) return undefined;
  response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff" });
  response.end(content);
  return null;
}
