"""The small project of bench/lap.py on a running server: declared, trained, and its model served."""

import lap
from harness import Failed, wait_for

NATIVE = "/api/v1"
RUN_LIMIT_S = 180


def declare(http, project):
    """Writes the project, applies it and reads its data."""
    lap.write_project(project)
    http.call("POST", f"{NATIVE}/apply", {"root": str(project), "dry_run": False})
    http.call("POST", f"{NATIVE}/datasets/{lap.NAME}/versions", {"dry_run": False})


def train(http, **asked):
    """Starts the pipeline; the id of its run."""
    body = {"params": {}, "reason": "a test", "force": False, **asked}
    return http.call("POST", f"{NATIVE}/pipelines/train/runs", body)["id"]


def must_succeed(http, run):
    """Waits for the end of a run, which must be a good one, and gives it."""
    found = lambda: http.call("GET", f"{NATIVE}/pipeline-runs/{run}")
    wait_for(lambda: found()["state"] not in ("queued", "running"), RUN_LIMIT_S, "the run does not end")
    ended = found()
    assert ended["state"] == "succeeded", ended
    return ended


def run_to_its_end(http, **asked):
    """Starts the pipeline and gives its run once it has succeeded."""
    return must_succeed(http, train(http, **asked))


def is_served(http):
    """Whether the deployment answers predictions."""
    try:
        return http.call("GET", f"/v2/models/{lap.NAME}/ready") is None or True
    except Failed:
        return False


def a_champion(http, project):
    """Declares the project, trains its first model, waits until that is served, and gives the run."""
    declare(http, project)
    run = run_to_its_end(http)
    wait_for(lambda: is_served(http), RUN_LIMIT_S, "the champion is not served")
    return run
