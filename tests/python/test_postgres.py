"""The loop on PostgreSQL: what was acknowledged survives a kill in the middle of a run, and the run completes; what was acknowledged survives a crash of PostgreSQL as well."""

import json
import os
import pathlib
import subprocess
import threading

import lap
import pytest
import small_lap
from harness import ROOT, Failed, Server, wait_for

MLFLOW, NATIVE = "/api/2.0/mlflow", "/api/v1"
HOURS, LABELLED = 96, 72
LIMIT_S = 120


@pytest.fixture
def server(binary, tmp_path, postgres_database):
    with Server(binary, tmp_path / "home", arguments=["--database", postgres_database]) as server:
        yield server


def predicted(http):
    """Asks for every hour; what was answered, by request."""
    answers = {}
    for hour in range(HOURS):
        request, _ = lap.prediction(hour, f"r{hour}")
        answer = http.call("POST", f"/v2/models/{lap.NAME}/infer", request)
        answers[request["id"]] = (int(answer["model_version"]), answer["outputs"][0]["data"][0])
    return answers


def label(http, hours):
    labels = [{"request_id": f"r{hour}", "value": lap.row(hour)[1], "event_time": lap.event_time(hour + 24)} for hour in hours]
    return http.call("POST", f"{NATIVE}/deployments/{lap.NAME}/labels", {"labels": labels})


def logged(http):
    """The log's rows: version and prediction, and the label, by request."""
    rows = http.call("GET", f"{NATIVE}/deployments/{lap.NAME}/predictions?limit=1000")["items"]
    return {row["request_id"]: (row["version"], row["prediction"]) for row in rows}, {row["request_id"]: row["label"] for row in rows}


def facts(http):
    """What tracking, data and registry have said, as far as it does not move on by itself."""
    search = http.call("POST", f"{MLFLOW}/runs/search", {"experiment_ids": ["0"]})["runs"]
    return {
        "points": http.call("GET", f"{MLFLOW}/metrics/get-history?run_id={search[0]['info']['run_id']}&metric_key=m")["metrics"],
        "versions": http.call("GET", f"{NATIVE}/models/{lap.NAME}/versions")["items"],
        "gate": http.call("GET", f"{NATIVE}/gate-decisions?model={lap.NAME}")["items"],
        "datasets": http.call("GET", f"{NATIVE}/datasets/{lap.NAME}/versions")["items"],
        "runs": [run for run in http.call("GET", f"{NATIVE}/pipeline-runs")["items"] if run["state"] == "succeeded"],
    }


def track(http):
    run = http.call("POST", f"{MLFLOW}/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    for step in range(20):
        http.call("POST", f"{MLFLOW}/runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step})


def test_a_lap_on_postgres_survives_a_kill(server, tmp_path):
    project, http = tmp_path / "project", server.http()
    small_lap.a_champion(http, project)
    track(http)
    answers = predicted(http)
    assert label(http, range(LABELLED)) == {"accepted": LABELLED, "duplicate": 0, "corrected": 0, "unknown": 0}
    http.call("GET", f"{NATIVE}/rest?timeout_ms=60000")
    before = facts(http)
    assert len(before["points"]) == 20 and len(before["versions"]) == len(before["gate"]) == len(before["runs"]) == 1
    rows, labels = logged(http)
    assert rows.keys() == answers.keys()

    # A second lap on more rows, killed while its training runs.
    lap.add_rows(project, 1)
    run = small_lap.train(http, params={"seed": 1})
    wait_for(lambda: lap.starts(project, run, "train"), LIMIT_S, "the training does not start")
    server.kill()
    server.start()

    http = server.http()
    # What was finished is as it was, whatever the second run has added since.
    after = facts(http)
    for name, told in before.items():
        assert [each for each in told if each not in after[name]] == [], name
    wait_for(lambda: small_lap.is_served(http), LIMIT_S, "the champion is not served")
    assert logged(http) == (rows, labels)
    # Each label is known, and each prediction can still be labelled.
    assert label(http, range(HOURS)) == {"accepted": HOURS - LABELLED, "duplicate": LABELLED, "corrected": 0, "unknown": 0}

    small_lap.must_succeed(http, run)
    http.call("GET", f"{NATIVE}/rest?timeout_ms=60000")
    versions = http.call("GET", f"{NATIVE}/models/{lap.NAME}/versions")["items"]
    assert sorted(version["version"] for version in versions) == [1, 2]
    # The step that had ended was not run again, the one that was cut off was.
    assert (lap.starts(project, run, "prepare"), lap.starts(project, run, "train")) == (1, 2)
    windows = http.call("GET", f"{NATIVE}/monitors/{lap.NAME}/windows")["items"]
    assert windows and all(window["coverage"] == 1.0 for window in windows)


@pytest.fixture
def own_postgres():
    """A PostgreSQL that may be restarted: its folder. It syncs, so that a crash of its own loses nothing it acknowledged."""
    script = ["bash", str(ROOT / "scripts" / "postgres.sh")]
    started = subprocess.run([*script, "start"], check=True, text=True, stdout=subprocess.PIPE, env={**os.environ, "DURABLE": "1"})
    folder = pathlib.Path(started.stdout.strip())
    yield folder
    subprocess.run([*script, "stop", str(folder)], check=True)


class Client(threading.Thread):
    """Makes runs and logs points until it is told to stop; knows what was acknowledged and what was not."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.http, self.number, self.over = server.http(timeout_s=60), number, threading.Event()
        self.runs, self.points, self.refused, self.made = {}, {}, [], 0

    def run(self):
        while not self.over.is_set():
            name = f"client-{self.number}-{self.made}"
            self.made += 1
            body = {"experiment_id": "0", "run_name": name}
            if not self.asks("runs/create", body, lambda answer, name=name: self.runs.update({name: answer["run"]["info"]["run_id"]})):
                continue
            run = self.runs[name]
            for step in range(5):
                body = {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step}
                self.asks("runs/log-metric", body, lambda _, step=step, run=run: self.points.setdefault(run, []).append(step))

    def asks(self, call, body, acknowledged):
        try:
            acknowledged(self.http.call("POST", f"{MLFLOW}/{call}", body))
            return True
        except Failed as error:
            self.refused.append((error.status, json.loads(error.body)["error_code"]))
        except OSError as error:
            self.refused.append((0, str(error)))
        return False

    def calls(self):
        return len(self.runs) + sum(map(len, self.points.values()))


def test_a_restart_of_postgres_under_load_loses_and_doubles_nothing(binary, tmp_path, own_postgres):
    database = (own_postgres / "url").read_text().strip()
    with Server(binary, tmp_path / "home", arguments=["--database", database]) as server:
        clients = [Client(server, number) for number in range(8)]
        for client in clients:
            client.start()

        def worked(since):
            return lambda: all(client.calls() > before + 20 for client, before in zip(clients, since, strict=True))

        wait_for(worked([0] * 8), LIMIT_S, "nothing is acknowledged")
        for _ in range(2):
            before = [client.calls() for client in clients]
            subprocess.run(["bash", str(ROOT / "scripts" / "postgres.sh"), "restart", str(own_postgres)], check=True)
            wait_for(worked(before), LIMIT_S, "the server does not find its database again")
        for client in clients:
            client.over.set()
        for client in clients:
            client.join(LIMIT_S)
            assert not client.is_alive()

        refused = {one for client in clients for one in client.refused}
        # Said as what passes, so that clients try again; nothing hangs up without a word.
        assert refused <= {(503, "TEMPORARILY_UNAVAILABLE")}, refused
        http, names = server.http(), {}
        page = None
        while True:
            found = http.call("POST", f"{MLFLOW}/runs/search", {"experiment_ids": ["0"], "max_results": 1000, "page_token": page})
            for run in found.get("runs", []):
                names.setdefault(run["info"]["run_name"], []).append(run["info"]["run_id"])
            page = found.get("next_page_token")
            if not page:
                break
        assert all(len(ids) == 1 for ids in names.values()), "a run is there twice"
        for client in clients:
            for name, run in client.runs.items():
                assert names[name] == [run]
            for run, steps in client.points.items():
                kept = http.call("GET", f"{MLFLOW}/metrics/get-history?run_id={run}&metric_key=m")["metrics"]
                kept = sorted(point["step"] for point in kept)
                assert len(kept) == len(set(kept)) and set(steps) <= set(kept), (steps, kept)
