"""A server that asks for a token: the first one, what each may do, and steps that log without one being handed to them."""

import subprocess
import sys

import pytest
from harness import Failed, Server, wait_for

NATIVE, MLFLOW = "/api/v1", "/api/2.0/mlflow"
LIMIT_S = 120

PROJECT = f"""\
project: login
pipelines:
  log:
    steps:
      log:
        run: {sys.executable} log.py
        timeout: 60s
"""
# The unmodified client: it finds address, run and secret in its environment.
SCRIPT = """\
import mlflow, os

with mlflow.start_run():
    mlflow.log_metric("m", 7)
    mlflow.log_text("hello", "note.txt")
print("secret", os.environ["PITCREW_TOKEN"])
"""


def token(binary, *arguments):
    ended = subprocess.run([binary, "token", "create", *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


class Caller:
    """Calls with a token."""

    def __init__(self, server, secret):
        self.http, self.headers = server.http(), {"Authorization": f"Bearer {secret}"}

    def call(self, method, path, body=None):
        return self.http.call(method, path, body, self.headers)


@pytest.fixture(params=["embedded", "postgres"])
def guarded(request, binary, tmp_path):
    """`(server, admin's secret)`, on each database."""
    home = tmp_path / "home"
    if request.param == "embedded":
        admin, arguments = token(binary, "admin", "--access", "admin", "--home", home), []
    else:
        url = request.getfixturevalue("postgres_database")
        admin, arguments = token(binary, "admin", "--access", "admin", "--home", home, "--database", url), ["--database", url]
    with Server(binary, home, arguments=["--auth", "token", *arguments]) as server:
        yield server, admin


def test_steps_log_with_a_pass_of_their_own(guarded, tmp_path):
    server, admin = guarded
    caller = Caller(server, admin)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pitcrew.yaml").write_text(PROJECT, encoding="utf-8")
    (project / "log.py").write_text(SCRIPT, encoding="utf-8")
    caller.call("POST", f"{NATIVE}/apply", {"root": str(project), "dry_run": False})
    run = caller.call("POST", f"{NATIVE}/pipelines/log/runs", {"params": {}, "reason": "a test", "force": False})["id"]
    found = lambda: caller.call("GET", f"{NATIVE}/pipeline-runs/{run}")
    wait_for(lambda: found()["state"] not in ("queued", "running"), LIMIT_S, "the run does not end")
    ended = found()
    assert ended["state"] == "succeeded", ended
    tracked = caller.call("GET", f"{MLFLOW}/runs/get?run_id={ended['steps'][0]['tracking_run_id']}")["run"]
    assert tracked["data"]["metrics"][0]["value"] == 7
    status, log = server.http().raw("GET", f"{NATIVE}/pipeline-runs/{run}/steps/log/log", headers=caller.headers)
    assert status == 200 and b"secret ........" in log and b"pc_" not in log


def test_each_may_do_what_its_access_allows(guarded):
    server, admin = guarded
    made = {access: Caller(server, admin).call("POST", f"{NATIVE}/tokens", {"name": access, "access": access})["token"] for access in ("read", "write")}
    assert outcome(Caller(server, ""), "GET", f"{NATIVE}/status") == 401
    for secret, expected in [(made["read"], (200, 403, 403)), (made["write"], (200, 200, 403)), (admin, (200, 200, 200))]:
        caller = Caller(server, secret)
        answers = (
            outcome(caller, "GET", f"{NATIVE}/status"),
            outcome(caller, "POST", f"{MLFLOW}/runs/create", {"experiment_id": "0"}),
            outcome(caller, "GET", f"{NATIVE}/audit"),
        )
        assert answers == expected


def outcome(caller, method, path, body=None):
    try:
        caller.call(method, path, body)
        return 200
    except Failed as failure:
        return failure.status
