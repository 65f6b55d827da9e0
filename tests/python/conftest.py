"""A built server for the published Python clients.

`PITCREW_BIN` names the binary. `TRACKING_URL` runs the same tests against another server instead: with a real `mlflow server` it
checks the tests themselves.
"""

import os
import pathlib
import subprocess
import sys
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

# The client reads these when it is imported: no waiting for retries that the tests do not want, no traffic to its makers.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from harness import Server  # noqa: E402


@pytest.fixture(scope="session")
def binary():
    """The built binary; a missing one is an error, not a skip."""
    path = os.environ.get("PITCREW_BIN")
    if not path or not pathlib.Path(path).is_file():
        pytest.fail(f"PITCREW_BIN names no file: {path!r}; build with `cargo build -p pitcrew-app`")
    return path


@pytest.fixture(scope="session")
def url(request, tmp_path_factory):
    """The address of a running server."""
    other = os.environ.get("TRACKING_URL")
    if other:
        yield other.rstrip("/")
        return
    with Server(request.getfixturevalue("binary"), tmp_path_factory.mktemp("server") / "home") as server:
        yield server.url


@pytest.fixture(scope="session")
def is_pitcrew():
    """False when the tests run against another server."""
    return "TRACKING_URL" not in os.environ


@pytest.fixture
def mlflow(url, request):
    """The client, pointed at the server, with an experiment named after the test as the active one."""
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_experiment(f"{request.node.name}")
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def client(mlflow):
    """The low-level client."""
    return mlflow.MlflowClient()


@pytest.fixture
def experiment(mlflow, request):
    """The id of the test's experiment."""
    return mlflow.get_experiment_by_name(request.node.name).experiment_id


@pytest.fixture(scope="session")
def postgres_server():
    """The address of a PostgreSQL of our own: the one that `TEST_POSTGRES_URL` names, else one that is started for these tests."""
    named = os.environ.get("TEST_POSTGRES_URL")
    if named:
        yield named
        return
    script = str(ROOT / "scripts" / "postgres.sh")
    folder = subprocess.run(["bash", script, "start"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    yield pathlib.Path(folder, "url").read_text(encoding="utf-8").strip()
    subprocess.run(["bash", script, "stop", folder], check=True)


@pytest.fixture
def postgres_database(postgres_server):
    """The address of a database for one test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    psql = ["psql", "--quiet", "--dbname", postgres_server, "--command"]
    subprocess.run([*psql, f"CREATE DATABASE {name}"], check=True)
    yield f"{postgres_server.rsplit('/', 1)[0]}/{name}"
    subprocess.run([*psql, f"DROP DATABASE {name} WITH (FORCE)"], check=True)
