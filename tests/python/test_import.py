"""Everything that MLflow keeps comes in: from the SQLite file that its client writes, and from its published server."""

import json
import os
import signal
import subprocess
import sys

import pytest
from harness import Http, Server, free_port, wait_for

LIMIT_S = 180
SERVER_LIMIT_S = 120


@pytest.fixture
def home(binary, tmp_path):
    """A server that nobody has used."""
    with Server(binary, tmp_path / "home") as server:
        yield server


def bring(binary, server, source, *more, code=0):
    command = [binary, "--url", server.url, "--json", "import", "mlflow", "--from", source, *more]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == code, f"{ended.returncode} {ended.stdout} {ended.stderr}"
    return json.loads(ended.stdout) if ended.stdout else json.loads(ended.stderr)["error"]


def work(mlflow, uri, points=3_000, models=True):
    """A little of everything, written by the published client."""
    import numpy

    class Twice(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input):
            return model_input * 2

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment("from afar")
    client = mlflow.MlflowClient()
    client.set_experiment_tag(mlflow.get_experiment_by_name("from afar").experiment_id, "team", "blue")
    with mlflow.start_run(run_name="whole", description="why") as run:
        mlflow.log_params({"depth": 5, "kind": "tree"})
        for first in range(0, points, 1_000):
            batch = [mlflow.entities.Metric("loss", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(first, first + 1_000)]
            client.log_batch(run.info.run_id, metrics=batch)
        mlflow.log_metric("odd", float("nan"), step=0)
        mlflow.log_input(mlflow.data.from_numpy(numpy.arange(3.0), name="bikes"), context="training")
        mlflow.log_text("größe\n", "notes/größe 1.txt")
        if models:
            made = mlflow.pyfunc.log_model(name="twice", python_model=Twice(), registered_model_name="twice", pip_requirements=[])
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("m", 1)
    if not models:
        return run.info.run_id
    for _ in range(2):
        client.create_model_version("twice", f"models:/{made.model_id}", run.info.run_id, model_id=made.model_id)
    client.delete_model_version("twice", "2")
    client.set_registered_model_alias("twice", "best", 3)
    client.set_model_version_tag("twice", "1", "good", "yes")
    client.update_registered_model("twice", "doubles")
    return run.info.run_id


def everything(client, run_id):
    """What a client sees of a run, except where its files are."""
    run = client.get_run(run_id)
    histories = {
        key: [(point.step, point.timestamp, repr(point.value)) for point in client.get_metric_history(run_id, key)] for key in run.data.metrics
    }
    info = {key: value for key, value in dict(run.info).items() if key not in ("artifact_uri", "experiment_id")}
    inputs = [(used.dataset.name, used.dataset.digest, used.dataset.schema, used.tags[0].value) for used in run.inputs.dataset_inputs]
    outputs = sorted((made.model_id, made.step) for made in run.outputs.model_outputs)
    files = [(entry.path, entry.is_dir, entry.file_size) for entry in client.list_artifacts(run_id)]
    return info, run.data.params, run.data.tags, histories, inputs, outputs, files


def registered(client):
    model = client.get_registered_model("twice")
    versions = {
        str(version.version): (version.run_id, version.source, version.model_id, version.tags) for version in client.search_model_versions("name='twice'")
    }
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return model.description, aliases, versions


def check(binary, home, mlflow, uri, run_id):
    """Imports from `uri`, twice, and compares what the client sees on both sides."""
    there = mlflow.MlflowClient(uri, uri)
    tried = bring(binary, home, uri, "--dry-run")
    assert (tried["runs"]["new"], tried["versions"]) == (2, 2)
    assert Http(home.url).call("GET", "/api/v1/runs")["items"] == [], "a dry run brings in nothing"
    came = bring(binary, home, uri)
    assert (came["runs"]["new"], came["runs"]["points"], came["runs"]["files"]) == (2, 3_002, 1), came
    assert (came["logged_models"]["new"], came["registered_models"], came["versions"], came["aliases"]) == (1, 1, 2, 1)
    assert (came["without_files"], came["refused"]) == (0, [])
    here = mlflow.MlflowClient(home.url, home.url)
    assert everything(here, run_id) == everything(there, run_id)
    assert registered(here) == registered(there)
    again = bring(binary, home, uri)
    assert (again["runs"]["unchanged"], again["runs"]["new"], again["logged_models"]["unchanged"], again["registry_unchanged"]) == (2, 0, 1, 3)
    mlflow.set_tracking_uri(home.url)
    mlflow.set_registry_uri(home.url)
    assert mlflow.get_experiment_by_name("from afar").tags["team"] == "blue"
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/größe 1.txt") == "größe\n"
    assert mlflow.pyfunc.load_model("models:/twice@best").predict(21) == 42


@pytest.fixture
def mlflow():
    """The client, pointed nowhere yet."""
    import mlflow

    while mlflow.active_run():
        mlflow.end_run()
    return mlflow


def test_the_file_that_the_client_writes_comes_in(binary, home, mlflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    check(binary, home, mlflow, uri, work(mlflow, uri))


@pytest.fixture
def published(tmp_path):
    """The published server."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", str(tmp_path / "files")]
    with open(tmp_path / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"

    def up():
        assert process.poll() is None, (tmp_path / "server.log").read_text()
        try:
            return Http(url).raw("GET", "/health")[0] == 200
        except OSError:
            return False

    try:
        wait_for(up, SERVER_LIMIT_S, "the published server answers", pause_s=0.2)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_what_the_published_server_keeps_comes_in(binary, home, mlflow, published):
    check(binary, home, mlflow, published, work(mlflow, published))


def test_an_import_that_is_killed_goes_on_where_it_was(binary, home, mlflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    run_id = work(mlflow, uri, points=30_000, models=False)
    command = [binary, "--url", home.url, "import", "mlflow", "--from", uri]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    http = Http(home.url)

    def begun():
        status, body = http.raw("GET", f"/api/v1/runs/import/{run_id}")
        return process.poll() is not None or (status == 200 and json.loads(body)["points"].get("loss", 0) > 0)

    wait_for(begun, LIMIT_S, "points come in")
    process.kill()
    process.wait()
    came = bring(binary, home, uri)
    assert (came["runs"]["points"], came["refused"]) == (30_002, [])
    here, there = mlflow.MlflowClient(home.url, home.url), mlflow.MlflowClient(uri, uri)
    assert everything(here, run_id) == everything(there, run_id)


def test_what_is_no_mlflow_is_told(binary, home, tmp_path):
    import sqlite3

    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE a (b)").connection.commit()
    assert bring(binary, home, f"sqlite:///{tmp_path}/other.db", code=2)["code"] == "IMPORT_SOURCE_INVALID"
    assert bring(binary, home, "ftp://x", code=2)["code"] == "IMPORT_SOURCE_INVALID"
    assert bring(binary, home, "http://127.0.0.1:9", code=6)["code"] == "SERVER_UNREACHABLE"
    secret = bring(binary, home, "postgres://u:secret@127.0.0.1:9/x", code=6)
    assert "secret" not in json.dumps(secret)
