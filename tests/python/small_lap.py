"""The small project of bench/lap.py on a running server: declared, trained, asked and labelled."""

import lap
from harness import Failed, wait_for

NATIVE = "/api/v1"
RUN_LIMIT_S = 180


def declare(http, project):
    """Writes the project, applies it and reads its data."""
    lap.write_project(project)
    http.call("POST", f"{NATIVE}/apply", {"root": str(project), "dry_run": False})
    http.call("POST", f"{NATIVE}/datasets/{lap.NAME}/versions", {"dry_run": False})


def train(http, **params):
    """Starts the pipeline; the id of its run."""
    return http.call("POST", f"{NATIVE}/pipelines/train/runs", {"params": params, "reason": "a test", "force": False})["id"]


def must_succeed(http, run):
    """Waits for the end of a run, which must be a good one."""
    found = lambda: http.call("GET", f"{NATIVE}/pipeline-runs/{run}")
    wait_for(lambda: found()["state"] not in ("queued", "running"), RUN_LIMIT_S, "the run does not end")
    ended = found()
    assert ended["state"] == "succeeded", ended


def a_champion(http, project):
    """Declares the project, trains its first model and waits until that is served."""
    declare(http, project)
    must_succeed(http, train(http))
    wait_for(lambda: served(http), RUN_LIMIT_S, "the champion is not served")


def served(http):
    """Whether the deployment answers predictions."""
    try:
        return http.call("GET", f"/v2/models/{lap.NAME}/ready") is None or True
    except Failed:
        return False
