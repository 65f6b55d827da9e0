"""The loop on PostgreSQL: what was acknowledged survives a kill in the middle of a run, and the run completes."""

import lap
import pytest
import small_lap
from harness import Server, wait_for

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
