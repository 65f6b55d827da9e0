"""A backup of a server at work holds everything that was acknowledged before it began, and a restored server goes on from there."""

import json
import subprocess
import threading

import lap
import pytest
from harness import Failed, Server, wait_for
from small_lap import NATIVE, a_champion

MLFLOW = "/api/2.0/mlflow"
LIMIT_S = 60


def pitcrew(binary, *arguments, code=0):
    """Runs a command and gives what it said."""
    ended = subprocess.run([binary, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == code, ended.stderr
    return ended


class Traffic:
    """Predicts and tracks without pause; what was acknowledged is kept."""

    def __init__(self, server):
        self.server, self.over = server, threading.Event()
        self.predicted, self.points, self.failures = [], [], []
        http = server.http()
        self.run = http.call("POST", f"{MLFLOW}/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        self.threads = [threading.Thread(target=self.guarded, args=(work,), daemon=True) for work in (self.predict, self.track)]

    def guarded(self, work):
        try:
            work(self.server.http())
        except (OSError, Failed) as error:
            self.failures.append(error)

    def predict(self, http):
        while not self.over.is_set():
            hour = len(self.predicted)
            request, _ = lap.prediction(hour, f"r{hour}")
            http.call("POST", f"/v2/models/{lap.NAME}/infer", request)
            self.predicted.append(request["id"])

    def track(self, http):
        while not self.over.is_set():
            step = len(self.points)
            http.call("POST", f"{MLFLOW}/runs/log-metric", {"run_id": self.run, "key": "m", "value": step, "timestamp": 1, "step": step})
            self.points.append(step)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_a_backup_under_load_restores_to_a_server_that_goes_on(binary, tmp_path):
    home, archive, second = tmp_path / "home", tmp_path / "backup.tar", tmp_path / "second"
    with Server(binary, home) as server:
        a_champion(server.http(), tmp_path / "project")
        with Traffic(server) as traffic:
            for number in range(3):
                wait_for(lambda: len(traffic.predicted) > 300 * (number + 1) or traffic.failures, LIMIT_S, "no traffic")
                before = len(traffic.points)
                said = pitcrew(binary, "backup", archive, "--home", home, "--json")
                assert json.loads(said.stdout)["bytes"] == archive.stat().st_size
                assert archive.stat().st_mode & 0o077 == 0
        assert traffic.failures == []
    pitcrew(binary, "restore", archive, "--home", second)
    with Server(binary, second) as restored:
        http = restored.http()
        kept = [point["step"] for point in http.call("GET", f"{MLFLOW}/metrics/get-history?run_id={traffic.run}&metric_key=m")["metrics"]]
        assert kept == list(range(len(kept))) and before <= len(kept) <= len(traffic.points)
        http.call("GET", f"{NATIVE}/rest?timeout_ms=60000")
        answer = wait_for(lambda: ready(http), LIMIT_S, "the restored server serves nothing")
        assert answer["model_version"] == "1"
        # Every prediction of the first stretch can still be labelled: the restored log knows it.
        labels = [{"request_id": f"r{hour}", "value": lap.row(hour)[1], "event_time": lap.event_time(hour + 24)} for hour in range(300)]
        assert http.call("POST", f"{NATIVE}/deployments/{lap.NAME}/labels", {"labels": labels})["unknown"] == 0


def ready(http):
    try:
        return http.call("POST", f"/v2/models/{lap.NAME}/infer", lap.prediction(0, "again")[0])
    except Failed:
        return None


@pytest.mark.parametrize("content", [b"", b"not a tar" * 200], ids=["empty", "nonsense"])
def test_what_is_no_backup_is_refused_and_leaves_nothing(binary, tmp_path, content):
    (tmp_path / "wrong.tar").write_bytes(content)
    said = pitcrew(binary, "restore", tmp_path / "wrong.tar", "--home", tmp_path / "home", code=2).stderr
    assert "BACKUP_INVALID" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wrong.tar"]


def test_a_home_with_something_in_it_is_not_overwritten(binary, tmp_path):
    home = tmp_path / "home"
    with Server(binary, home):
        pass
    pitcrew(binary, "backup", tmp_path / "backup.tar", "--home", home)
    before = sorted(home.rglob("*"))
    assert "HOME_NOT_EMPTY" in pitcrew(binary, "restore", tmp_path / "backup.tar", "--home", home, code=4).stderr
    assert sorted(home.rglob("*")) == before
