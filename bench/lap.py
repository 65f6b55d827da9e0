"""A lap small enough to be killed two hundred times: a straight line learnt from a few rows, with every part of the loop in it.

The steps are ordinary scripts that take a quarter of a second. Each writes a line when it starts, outside all that the platform
manages, so that a step started twice cannot hide.
"""

import datetime
import json
import pathlib
import random
import shutil
import sys

NAME = "line"
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
ROWS_PER_LAP = 200
SLOPE, INTERCEPT, NOISE = 3.0, 10.0, 0.5

DECLARATION = """\
project: line
description: A straight line, to be learnt again and again
datasets:
  line:
    source: data/*.csv
    time: ts
    checks:
      - rows: { min: 100 }
      - { column: y, not_null: true }
environments:
  plain: { requirements: requirements.txt }
models:
  line:
    gate:
      floors: [{ metric: wape, max: 0.9 }]
pipelines:
  train:
    dataset: line
    refresh: true
    params: { seed: 0 }
    steps:
      prepare:
        run: PYTHON steps/prepare.py MARK
        inputs: { data: dataset }
        outputs: [train.parquet, holdout.parquet]
        timeout: 60s
      train:
        run: PYTHON steps/train.py MARK
        inputs: { train: prepare/train.parquet }
        outputs: [model.onnx]
        timeout: 60s
      note:
        run: python steps/note.py MARK
        environment: plain
        needs: [prepare]
        timeout: 120s
      evaluate:
        uses: evaluate
        inputs: { model: train/model.onnx, holdout: prepare/holdout.parquet }
        with: { target: y, model: line }
      register:
        uses: register
        inputs: { model: train/model.onnx, report: evaluate/report.json, reference: prepare/train.parquet }
        with: { model: line, alias: challenger }
deployments:
  line:
    model: line
    alias: champion
    release:
      candidate: challenger
      steps: [50, 100]
      judge: { metric: absolute_error, alpha: 0.05, min_samples: 20, paired: true, margin: 0.5 }
monitors:
  line:
    deployment: line
    every: 1d
    window: 2d
    label_delay: 24h
    min_samples: 10
    objectives: [{ metric: wape, max: 0.9 }]
"""

# How a step learns where its files are. The one place here that knows.
PRELUDE = '''\
import os, pathlib, sys

STEP = pathlib.Path(__file__).stem
with open(sys.argv[1], "a", encoding="utf-8") as mark:
    mark.write(f"{os.environ['PITCREW_RUN_ID']} {STEP}\\n")
OUTPUTS = pathlib.Path(os.environ["PITCREW_OUTPUT_DIR"])


def input_path(name):
    """A folder for a data set, a file for another step's output."""
    return pathlib.Path(os.environ[f"PITCREW_INPUT_{name.upper()}"])

'''

PREPARE = (
    PRELUDE
    + '''
import pyarrow as pa
from pyarrow import csv, parquet

files = sorted(input_path("data").rglob("*.csv"))
rows = pa.concat_tables([csv.read_csv(path) for path in files]).select(["x", "y"]).cast(pa.schema([("x", pa.float32()), ("y", pa.float32())]))
held = max(20, len(rows) // 5)
parquet.write_table(rows.slice(0, len(rows) - held), OUTPUTS / "train.parquet")
parquet.write_table(rows.slice(len(rows) - held), OUTPUTS / "holdout.parquet")
'''
)

TRAIN = (
    PRELUDE
    + '''
import numpy as np
import onnx
from onnx import TensorProto, helper
from pyarrow import parquet

rows = parquet.read_table(input_path("train"))
x, y = (rows[name].to_numpy().astype(np.float64) for name in ("x", "y"))
slope, intercept = np.polyfit(x, y, 1)
graph = helper.make_graph(
    [helper.make_node("Mul", ["x", "slope"], ["scaled"]), helper.make_node("Add", ["scaled", "intercept"], ["y"])],
    "line",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
    [helper.make_tensor("slope", TensorProto.FLOAT, [], [slope]), helper.make_tensor("intercept", TensorProto.FLOAT, [], [intercept])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.save(model, OUTPUTS / "model.onnx")
'''
)


def marks(project):
    """Where the steps write that they started: beside the project, not in it."""
    return project.parent / "starts.log"


def write_project(project):
    """The project folder, with its first rows."""
    (project / "steps").mkdir(parents=True)
    (project / "data").mkdir()
    declaration = DECLARATION.replace("PYTHON", sys.executable).replace("MARK", str(marks(project)))
    (project / "pitcrew.yaml").write_text(declaration, encoding="utf-8")
    (project / "steps" / "prepare.py").write_text(PREPARE, encoding="utf-8")
    (project / "steps" / "train.py").write_text(TRAIN, encoding="utf-8")
    (project / "steps" / "note.py").write_text(PRELUDE, encoding="utf-8")
    # Nothing to install: the environment is built, and killed while it is built, without a network.
    (project / "requirements.txt").write_text("", encoding="utf-8")
    marks(project).touch()
    add_rows(project, 0)


def event_time(hour):
    """The event time of an hour of the lap, as the API writes times."""
    return (START + datetime.timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def row(hour):
    """The features and the truth of an hour: the same whenever it is asked for."""
    dice = random.Random(hour)
    x = dice.uniform(-1, 1) + 2
    return x, SLOPE * x + INTERCEPT + dice.gauss(0, NOISE)


def add_rows(project, number):
    """New rows for a lap, written whole: a file appears complete or not at all."""
    first = number * ROWS_PER_LAP
    lines = ["ts,x,y"]
    for hour in range(first, first + ROWS_PER_LAP):
        x, y = row(hour)
        lines.append(f"{(START + datetime.timedelta(hours=hour)).strftime('%Y-%m-%d %H:%M:%S')},{x:.5f},{y:.5f}")
    draft = project.parent / "rows.draft"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.move(draft, project / "data" / f"{number:05}.csv")


def prediction(hour, request_id):
    """The request for an hour, and the truth that comes as its label."""
    x, y = row(hour)
    body = {
        "id": request_id,
        "parameters": {"event_time": event_time(hour)},
        "inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [x]}],
    }
    return body, y


def starts(project, run, step):
    """How often a step of a run has been started."""
    return marks(project).read_text(encoding="utf-8").splitlines().count(f"{run} {step}")


def processes(project):
    """Processes of steps that still run: their command names the project's mark file."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(marks(project)) in command:
                found.append(f"{entry.name}: {command.strip()}")
    return found


if __name__ == "__main__":
    # Writes the project for a look by hand: lap.py FOLDER
    write_project(pathlib.Path(sys.argv[1]))
    print(json.dumps({"project": sys.argv[1]}))
