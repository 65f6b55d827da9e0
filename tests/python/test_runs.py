"""Runs taken along and brought back by the command line: folders that a server wrote, and one that a script wrote without any."""

import json
import os
import pathlib
import subprocess

import pytest
from harness import Server

LIMIT_S = 120


@pytest.fixture
def pitcrew(binary, url):
    """Runs a command against the server and gives what it said."""

    def call(*arguments, code=0, at=url):
        command = [binary, "--url", at, "--json", *map(str, arguments)]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert ended.returncode == code, f"{command}: {ended.returncode} {ended.stderr}"
        return json.loads(ended.stdout) if ended.stdout else json.loads(ended.stderr)["error"]

    return call


@pytest.fixture
def run(mlflow, client):
    """A run with a little of everything."""
    import numpy

    with mlflow.start_run(run_name="whole", description="why") as run:
        mlflow.log_params({"depth": 5, "kind": "tree"})
        for step in range(1_200):
            mlflow.log_metric("train/loss", 1 / (step + 1), step=step, synchronous=False)
        mlflow.log_metric("odd", float("nan"), step=0)
        mlflow.log_metric("odd", float("-inf"), step=1)
        mlflow.log_input(mlflow.data.from_numpy(numpy.arange(3.0), name="bikes"), context="training")
        mlflow.log_text("größe\n", "notes/größe 1.txt")
        mlflow.log_text("x" * 3_000_000, "big.txt")
    return run.info.run_id


def everything(client, run_id):
    """What a client sees of a run, except where its files are."""
    run = client.get_run(run_id)
    histories = {
        key: [(point.step, point.timestamp, repr(point.value)) for point in client.get_metric_history(run_id, key)] for key in run.data.metrics
    }
    info = {key: value for key, value in dict(run.info).items() if key not in ("artifact_uri", "experiment_id")}
    inputs = [(used.dataset.name, used.dataset.digest, used.tags[0].value) for used in run.inputs.dataset_inputs]
    return info, run.data.params, run.data.tags, histories, inputs, files(client, run_id)


def files(client, run_id, path=None):
    found = {}
    for entry in client.list_artifacts(run_id, path):
        found.update(files(client, run_id, entry.path) if entry.is_dir else {entry.path: entry.file_size})
    return found


def test_runs_are_listed_shown_and_noted(pitcrew, mlflow, client, run, request):
    name = request.node.name
    listed = pitcrew("runs", "list", "--experiment", name, "--filter", "params.depth = '5'")
    assert [item["run_id"] for item in listed["items"]] == [run]
    assert pitcrew("runs", "show", run)["params"] == {"depth": "5", "kind": "tree"}
    assert pitcrew("runs", "note", run)["notes"] == "why"
    assert pitcrew("runs", "note", run, "# Better\nsince *deeper*")["notes"] == "# Better\nsince *deeper*"
    assert client.get_run(run).data.tags["mlflow.note.content"] == "# Better\nsince *deeper*"
    assert pitcrew("runs", "note", run, "")["notes"] is None
    assert pitcrew("runs", "show", "0" * 32, code=3)["code"] == "RUN_NOT_FOUND"


def test_runs_are_moved_copied_deleted_and_removed(pitcrew, mlflow, client, run, request):
    name = request.node.name
    mlflow.create_experiment(f"{name} best")
    these = ("--experiment", name)
    would = pitcrew("runs", "copy", *these, "--to", f"{name} best", "--dry-run")
    assert [one["run_id"] for one in would["runs"]] == [run]
    (copied,) = pitcrew("runs", "copy", *these, "--to", f"{name} best")["copied"]
    assert files(client, copied["run_id"]) == files(client, run)
    assert pitcrew("runs", "move", run, "--to", f"{name} best")["moved"] == [run]
    assert pitcrew("runs", "list", *these)["items"] == []
    assert mlflow.artifacts.load_text(f"runs:/{run}/notes/größe 1.txt") == "größe\n", "its files are where they were"
    assert pitcrew("runs", "delete", run, "--dry-run")["dry_run"] is True
    assert pitcrew("runs", "delete", run, "--permanently", code=4)["code"] == "RUN_NOT_DELETED"
    assert pitcrew("runs", "delete", run)["deleted"] == [run]
    assert pitcrew("runs", "restore", run)["restored"] == [run]
    pitcrew("runs", "delete", "--experiment", f"{name} best", "--filter", f"attributes.run_id = '{run}'")
    assert pitcrew("runs", "delete", run, "--permanently")["removed"] == [run]
    assert pitcrew("runs", "show", run, code=3)["code"] == "RUN_NOT_FOUND"
    assert files(client, copied["run_id"])["big.txt"] == 3_000_000


def test_runs_go_to_a_folder_and_into_another_server(pitcrew, binary, mlflow, client, run, request, tmp_path):
    out = tmp_path / "runs"
    export = ("runs", "export", "--experiment", request.node.name, "--out", out)
    assert pitcrew(*export, "--dry-run")["runs"] == [{"run_id": run, "name": "whole"}]
    assert not out.exists()
    assert pitcrew(*export) == {"folder": str(out), "written": 1, "unchanged": 0}
    assert pitcrew(*export)["unchanged"] == 1
    (out / run / "artifacts" / "big.txt").write_text("y")
    assert pitcrew(*export)["written"] == 1, "what was damaged is fetched again"
    before = everything(client, run)
    with Server(binary, tmp_path / "other") as other:
        bring = ("runs", "import", out)
        assert pitcrew(*bring, "--dry-run", at=other.url)["new"] == 1
        assert pitcrew(*bring, at=other.url) == {"new": 1, "completed": 0, "unchanged": 0, "points": 1_202, "files": 2, "refused": []}
        assert pitcrew(*bring, at=other.url)["unchanged"] == 1
        mlflow.set_tracking_uri(other.url)
        assert everything(type(client)(other.url), run) == before
        assert mlflow.artifacts.load_text(f"runs:/{run}/notes/größe 1.txt") == "größe\n"


def test_an_export_that_was_cut_off_keeps_what_it_has(pitcrew, mlflow, run, request, tmp_path):
    export = ("runs", "export", "--experiment", request.node.name, "--out", tmp_path)
    pitcrew(*export)
    half = tmp_path / f"{run}.part"
    (tmp_path / run).rename(half)
    (half / "run.json").unlink()
    (half / "artifacts" / "notes" / "größe 1.txt").unlink()
    (half / "metrics" / "00001.jsonl").write_text("", encoding="utf-8")
    (half / "artifacts" / "stray.txt").write_text("no file of the run", encoding="utf-8")
    kept = (half / "artifacts" / "big.txt").stat()
    assert pitcrew("runs", "import", tmp_path, code=2)["code"] == "RUN_FOLDER_INVALID", "what is half written is no run"
    assert pitcrew(*export)["written"] == 1
    assert not half.exists()
    now = (tmp_path / run / "artifacts" / "big.txt").stat()
    assert (now.st_ino, now.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns), "not fetched again"
    assert pitcrew("runs", "import", tmp_path)["unchanged"] == 1, "whole, and as it is on the server"
    mlflow.MlflowClient().log_metric(run, "train/loss", 0.0, step=5_000)
    assert pitcrew(*export)["written"] == 1
    assert pitcrew("runs", "import", tmp_path)["unchanged"] == 1


def by_hand(root, run_id, points, status="RUNNING"):
    """What a script without a server writes: any language can."""
    folder = pathlib.Path(root, run_id)
    (folder / "artifacts" / "model").mkdir(parents=True, exist_ok=True)
    head = {
        "format": 1,
        "run_id": run_id,
        "experiment": "on the train",
        "name": "offline",
        "status": status,
        "started_ms": 1_700_000_000_000,
        "params": {"depth": "3"},
    }
    (folder / "run.json").write_text(json.dumps(head), encoding="utf-8")
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as lines:
        for step, value in points:
            lines.write(json.dumps({"key": "loss", "value": value, "step": step, "at_ms": 1_700_000_000_000 + step}) + "\n")
    (folder / "artifacts" / "model" / "weights.txt").write_text("1 2 3", encoding="utf-8")
    return folder


def test_a_folder_that_a_script_wrote_is_brought_in_twice_and_completed(pitcrew, client, tmp_path):
    run_id = os.urandom(16).hex()
    by_hand(tmp_path, run_id, [(0, 0.5), (1, "NaN")])
    assert pitcrew("runs", "import", tmp_path)["new"] == 1
    assert pitcrew("runs", "import", tmp_path / run_id)["unchanged"] == 1
    by_hand(tmp_path, run_id, [(2, 0.125)], status="FINISHED")
    assert pitcrew("runs", "import", tmp_path)["completed"] == 1
    run = client.get_run(run_id)
    assert (run.info.status, run.info.start_time, run.data.params) == ("FINISHED", 1_700_000_000_000, {"depth": "3"})
    assert [repr(point.value) for point in client.get_metric_history(run_id, "loss")] == ["0.5", "nan", "0.125"]
    assert files(client, run_id) == {"model/weights.txt": 5}


def test_a_conflict_is_told_and_overwrites_nothing(pitcrew, client, tmp_path):
    run_id = os.urandom(16).hex()
    folder = by_hand(tmp_path, run_id, [(0, 0.5)])
    pitcrew("runs", "import", tmp_path)
    other = os.urandom(16).hex()
    by_hand(tmp_path, other, [(0, 0.5)])
    (folder / "artifacts" / "model" / "weights.txt").write_text("4 5 6", encoding="utf-8")
    told = pitcrew("runs", "import", tmp_path, code=4)
    assert told["new"] == 1, "one that is refused does not keep the others out"
    assert [(one["run"], one["code"]) for one in told["refused"]] == [(run_id, "RUN_IMPORT_CONFLICT")]
    head = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    head["params"]["depth"] = "4"
    (folder / "run.json").write_text(json.dumps(head), encoding="utf-8")
    (told,) = pitcrew("runs", "import", folder, code=4)["refused"]
    assert told["code"] == "RUN_IMPORT_CONFLICT" and "`3`, not `4`" in told["detail"]
    assert client.get_run(run_id).data.params == {"depth": "3"}


def test_folders_that_lead_elsewhere_are_refused(pitcrew, tmp_path):
    folder = by_hand(tmp_path, os.urandom(16).hex(), [(0, 0.5)])
    link = folder / "artifacts" / "secrets"
    link.symlink_to("/etc/passwd")
    assert pitcrew("runs", "import", tmp_path, code=4)["refused"][0]["code"] == "RUN_FOLDER_INVALID"
    link.unlink()
    head = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    head["artifacts"] = [{"path": "../run.json", "digest": "b3:" + "0" * 64, "bytes": 1}]
    (folder / "run.json").write_text(json.dumps(head), encoding="utf-8")
    assert pitcrew("runs", "import", tmp_path, code=4)["refused"][0]["code"] == "RUN_FOLDER_INVALID"
    head.update(artifacts=[{"path": "model/weights.txt", "digest": "b3:" + "0" * 64, "bytes": 5}])
    (folder / "run.json").write_text(json.dumps(head), encoding="utf-8")
    assert pitcrew("runs", "import", tmp_path, code=4)["refused"][0]["code"] == "RUN_FOLDER_INVALID", "damaged bytes"
    (folder / "run.json").write_text("{", encoding="utf-8")
    assert pitcrew("runs", "import", tmp_path, code=4)["refused"][0]["code"] == "RUN_FOLDER_INVALID"
    assert pitcrew("runs", "import", tmp_path / "nothing", code=2)["code"] == "RUN_FOLDER_INVALID"
