"""`/metrics` is what Prometheus reads: promtool finds nothing to complain about, and what happened is counted."""

import json
import re
import subprocess

import lap
import requests
from harness import Server, wait_for

LIMIT_S = 180


def scrape(url):
    """The metrics page."""
    answer = requests.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text


def total(text, name):
    """The sum over all label values of a counter."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))


def test_promtool_accepts_the_page(url):
    for _ in range(3):
        requests.get(f"{url}/healthz", timeout=10)
    page = scrape(url)
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr.strip() == "", checked.stderr


def test_every_metric_carries_the_name_of_the_program(url):
    names = set(re.findall(r"^# TYPE (\S+) ", scrape(url), re.MULTILINE))
    assert names
    assert [name for name in sorted(names) if not name.startswith(("pitcrew_", "process_"))] == []


def test_health_and_readiness(url):
    assert requests.get(f"{url}/healthz", timeout=10).status_code == 200
    assert requests.get(f"{url}/readyz", timeout=10).status_code == 200


def test_what_happened_is_counted(binary, tmp_path):
    """A prediction, a label and a refused request each move the figures that tell of them, by exactly one."""
    with Server(binary, tmp_path / "home") as server:
        http = server.http()
        lap.write_project(tmp_path / "project")
        http.call("POST", "/api/v1/apply", {"root": str(tmp_path / "project"), "dry_run": False})
        http.call("POST", f"/api/v1/datasets/{lap.NAME}/versions", {"dry_run": False})
        http.call("POST", "/api/v1/pipelines/train/runs", {"params": {}, "reason": "a test", "force": False})
        ready = lambda: http.raw("GET", f"/v2/models/{lap.NAME}/ready")[0] == 200
        wait_for(ready, LIMIT_S, "nothing is served")
        names = ["pitcrew_serving_requests_total", "pitcrew_serving_labels_total", "pitcrew_serving_failures_total", "pitcrew_serving_log_dropped_total"]
        before = {name: total(scrape(server.url), name) for name in names}
        assert http.raw("POST", f"/v2/models/{lap.NAME}/infer", json.dumps(lap.prediction(1, "one")[0]).encode())[0] == 200
        labels = {"labels": [{"request_id": "one", "value": lap.row(1)[1], "event_time": lap.event_time(25)}]}
        assert http.call("POST", f"/api/v1/deployments/{lap.NAME}/labels", labels)["accepted"] == 1
        assert http.raw("POST", f"/v2/models/{lap.NAME}/infer", b'{"inputs": []}')[0] == 400
        after = {name: total(scrape(server.url), name) for name in names}
        assert [after[name] - before[name] for name in names] == [1, 1, 0, 0]
        page = scrape(server.url)
        assert total(page, "pitcrew_http_requests_total") > 5
        assert total(page, "process_resident_memory_bytes") > 1e6
