"""A server with the small project of bench/lap.py, one trained model, and that model served."""

import lap
from harness import Failed, wait_for

NATIVE = "/api/v1"
RUN_LIMIT_S = 180


def run_to_its_end(http, **asked):
    """Starts the pipeline and gives its run once it has succeeded."""
    body = {"params": {}, "reason": "a test", "force": False, **asked}
    run = http.call("POST", f"{NATIVE}/pipelines/train/runs", body)["id"]
    state = lambda: http.call("GET", f"{NATIVE}/pipeline-runs/{run}")
    wait_for(lambda: state()["state"] not in ("queued", "running"), RUN_LIMIT_S, "the run does not end")
    ended = state()
    assert ended["state"] == "succeeded", ended
    return ended


def is_served(http):
    """Whether the deployment answers."""
    try:
        return http.call("GET", f"/v2/models/{lap.NAME}/ready") is None or True
    except Failed:
        return False


def a_champion(server, project):
    """Declares the small project and trains its first model; gives the run."""
    http = server.http()
    lap.write_project(project)
    http.call("POST", f"{NATIVE}/apply", {"root": str(project), "dry_run": False})
    http.call("POST", f"{NATIVE}/datasets/{lap.NAME}/versions", {"dry_run": False})
    run = run_to_its_end(http)
    wait_for(lambda: is_served(http), RUN_LIMIT_S, "the champion is not served")
    return run
