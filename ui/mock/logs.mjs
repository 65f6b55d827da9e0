import { iso } from "./clock.mjs";

const TRAIN = [
  ["pitcrew", "environment python (b3:5f2a) is ready, 41 packages"], ["stdout", "read 10085 rows, 12 columns"], ["stdout", "features: season hr workingday weathersit temp hum windspeed"],
  ["stderr", "UserWarning: 22 missing values in hum are kept as missing"], ["stdout", "fitting HistGradientBoostingRegressor(max_iter=600, learning_rate=0.08)"],
  ...[50, 100, 150, 200, 250, 300, 350, 400].map((i) => ["stdout", `iteration ${i}  train_loss ${(380 / Math.log10(i)).toFixed(3)}  val_loss ${(455 / Math.log10(i)).toFixed(3)}`]), ["stdout", "wrote model.onnx (143200 bytes)"],
];
const PREPARE = [["pitcrew", "materialised bikes@3 from 2 objects, digests verified"], ["stdout", "holdout: 168 hours from 2012-06-10"], ["stdout", "wrote train.parquet (11933 rows), holdout.parquet (168 rows)"]];

export function logLines(step) {
  const lines = step === "prepare" ? PREPARE : step === "train" ? TRAIN : [["pitcrew", `step ${step}`]];
  return lines.map(([stream, line], i) => ({ step, attempt: 1, stream, at: iso(Date.now() - 30_000 + i * 900), line }));
}

const PACE_MS = 700;

/** A run in work writes on; a finished one is told whole and ends. */
export function streamLog(run, response) {
  if (run === undefined) return undefined;
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let id = 0;
  const send = (line) => response.write(`id: ${(id += 1)}\ndata: ${JSON.stringify(line)}\n\n`);
  for (const step of run.steps.filter((each) => !["waiting", "skipped", "cached"].includes(each.state))) for (const line of logLines(step.name)) send(line);
  if (run.state !== "running") {
    response.end("event: end\ndata: {}\n\n");
    return null;
  }
  let iteration = 240;
  const timer = setInterval(() => {
    iteration += 5;
    send({ step: "train", attempt: 1, stream: "stdout", at: iso(Date.now()), line: `iteration ${iteration}  train_loss ${(380 / Math.log10(iteration)).toFixed(3)}  val_loss ${(455 / Math.log10(iteration)).toFixed(3)}` });
  }, PACE_MS);
  response.on("close", () => clearInterval(timer));
  return null;
}
