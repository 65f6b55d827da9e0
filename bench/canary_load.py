#!/usr/bin/env python3
"""A canary under load: 32 connections predict without pause while a release starts, steps, is promoted, and a second one is rolled back.

Not one request may fail: neither an answer other than 200, nor a closed connection, nor a time-out. Each release must end as it was asked to,
and the load must have lasted until the last one had. With a folder in which the demo has run, one cycle takes about 10 seconds.

usage: canary_load.py --bin PATH [--folder DEMO_FOLDER] [--connections 32] [--cycles 3]
"""

import argparse
import pathlib
import sys
import time

import demo_home
import wrk
from harness import Server, save, scratch, table, wait_for

HOLD_S = 2
LIMIT_S = 60
# A release waits at most this often for at most LIMIT_S; the load is ended once the last one has.
WAITS = 3
ENDS = {"promote": "promoted", "abort": "aborted"}


def deployment(http):
    return http.call("GET", f"{demo_home.NATIVE}/deployments/{demo_home.DEPLOYMENT}")


def champion(http):
    return next(arm["version"] for arm in deployment(http)["arms"] if arm["arm"] == "champion")


def release(http, candidate, act):
    """Offers a version, lets it take traffic for a while, then promotes or aborts it. Gives the release's final state."""
    name = deployment(http)["model"]
    http.call("PUT", f"{demo_home.NATIVE}/models/{name}/aliases/challenger", {"version": candidate, "reason": f"bench: to {act}"})

    def running():
        return next((each for each in http.call("GET", f"{demo_home.NATIVE}/releases?deployment={demo_home.DEPLOYMENT}")["items"] if each["state"] == "running"), None)

    started = wait_for(running, LIMIT_S, "no release started")
    time.sleep(HOLD_S)
    http.call("POST", f"{demo_home.NATIVE}/releases/{started['id']}/{act}", {"reason": "bench"})
    final = wait_for(lambda: (one := http.call("GET", f"{demo_home.NATIVE}/releases/{started['id']}"))["state"] != "running" and one, LIMIT_S, "the release did not end")
    wait_for(lambda: deployment(http)["state"] == "serving", LIMIT_S, "the deployment did not settle")
    return final["state"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--cycles", type=int, default=3)
    options = parser.parse_args()
    with scratch("canary") as folder:
        home = demo_home.make(options.bin, options.folder or folder / "demo")
        with Server(options.bin, home) as server:
            http = server.http()
            wait_for(lambda: deployment(http)["state"] == "serving", LIMIT_S, "no model is served")
            versions = [each["version"] for each in http.call("GET", f"{demo_home.NATIVE}/models/{deployment(http)['model']}/versions")["items"]]
            body = demo_home.infer_body(http)
            seconds = options.cycles * len(ENDS) * (HOLD_S + WAITS * LIMIT_S)
            states = []
            with wrk.Load(f"{server.url}/v2/models/{demo_home.DEPLOYMENT}/infer", options.connections, seconds, wrk.post(body)) as load:
                for _ in range(options.cycles):
                    for act in ENDS:
                        now = champion(http)
                        states.append((act, release(http, next(version for version in versions if version != now), act)))
                lasted = load.running()
                figures = load.stop() if lasted else load.figures()
    rows = [[act, state] for act, state in states]
    table("releases under load", ["asked", "ended"], rows)
    columns = ["clients", "requests", "failures", "per_second", "p50_ms", "p99_ms", "max_ms"]
    table(f"{options.connections} connections through {len(states)} releases", columns, [[figures[column] for column in columns]])
    save("canary_load", {"releases": [{"asked": act, "ended": state} for act, state in states], "load_lasted": lasted, **figures})
    wrong = [f"a release asked to {act} ended {state}" for act, state in states if state != ENDS[act]]
    if not lasted:
        wrong.append("the load ended before the last release had")
    if not figures["requests"]:
        wrong.append("not one request was answered")
    if figures["failures"]:
        wrong.append(f"{figures['failures']} requests failed: {figures['not_2xx']} answers, {figures['socket_errors']} connections")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
