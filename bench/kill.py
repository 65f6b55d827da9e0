#!/usr/bin/env python3
"""Ends the server with SIGKILL at random moments of laps under load, starts it again, and checks that nothing acknowledged is lost.

A lap changes the data, starts the pipeline, and waits until it has ended; meanwhile one client tracks runs, another predicts and
labels. What the server acknowledged is written into a ledger, and at the end the server must agree with the ledger:

- every metric point, parameter, label and data-set version acknowledged is there;
- the events seen before a kill are the same after it, numbered without gaps, none twice;
- a step seen as finished is never started again, and no run has two versions or two gate decisions;
- every lap's pipeline run comes to an end, and no process of a step is left behind.

usage: kill.py --bin PATH [--kills 200] [--seed N]
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

import lap
from harness import Failed, Http, Server, free_port, save, scratch, table, wait_for

NATIVE, MLFLOW = "/api/v1", "/api/2.0/mlflow"
KILL_PAUSE_S = (0.15, 2.5)
# Every so many kills the server is left alone for longer than the longest step takes, so that laps go on through all of their steps.
KILLS_TO_A_BREATH = 8
BREATH_S = 10
# Every so many kills, the server that starts again is killed as well, before it has taken up what was left.
KILLS_IN_RECOVERY = 4
RECOVERY_PAUSE_S = (0.0, 0.3)
LAP_LIMIT_S = 180
REST_LIMIT_S = 120
POINTS_PER_RUN = 40
PAGE = 1000
LABEL_DELAY_EVENTS = 24


class Ledger:
    """What the server has acknowledged, and what was seen of it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.points = collections.defaultdict(dict)
        self.params = {}
        self.labels = {}
        self.versions = {}
        self.events = []
        self.finished_steps = {}
        self.problems = []

    def problem(self, text):
        with self.lock:
            self.problems.append(text)
        print(f"PROBLEM: {text}", flush=True)


class World:
    """A server that is killed and started again on one port, and the ledger."""

    def __init__(self, binary, folder, seed):
        self.server = Server(binary, folder / "home", free_port())
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.ledger = Ledger()
        self.random = random.Random(seed)
        self.over = threading.Event()
        # Set when the last kill is done: from then on, work that does not end is stuck.
        self.peace = threading.Event()
        # Set when a part of the harness itself has stopped: nothing more can be learnt.
        self.broken = threading.Event()
        self.folder = folder

    def patiently(self, http, method, path, body=None, again=True):
        """A call that outlives kills: repeated until answered when `again`, else None after a lost connection."""
        end = time.monotonic() + LAP_LIMIT_S
        while time.monotonic() < end:
            try:
                return http.call(method, path, body)
            except OSError:
                if not again:
                    return None
            except Failed as failure:
                # Starting or stopping: the server says to come back.
                if failure.status not in (503, 429):
                    raise
            self.over.wait(0.02)
        raise TimeoutError(f"{method} {path}: no answer in {LAP_LIMIT_S} s")

    def http(self):
        return Http(self.url, timeout_s=20)


def track(world):
    """Logs runs without pause; what is acknowledged goes into the ledger."""
    http, serial = world.http(), 0
    while not world.over.is_set():
        serial += 1
        answer = world.patiently(http, "POST", f"{MLFLOW}/runs/create", {"experiment_id": "0", "run_name": f"load-{serial}"})
        run = answer["run"]["info"]["run_id"]
        world.patiently(http, "POST", f"{MLFLOW}/runs/log-parameter", {"run_id": run, "key": "serial", "value": str(serial)})
        world.ledger.params[run] = str(serial)
        for step in range(POINTS_PER_RUN):
            if world.over.is_set():
                return
            point = {"run_id": run, "key": "m", "value": serial + step / 1000, "timestamp": 1 + step, "step": step}
            # Not repeated: a lost answer leaves the point unacknowledged, and it may or may not be there.
            if world.patiently(http, "POST", f"{MLFLOW}/runs/log-metric", point, again=False) is not None:
                world.ledger.points[run][step] = point["value"]


def predict_and_label(world):
    """Predicts in event time, an hour a call, and sends each label a day of events later."""
    http, hour, waiting = world.http(), 0, collections.deque()
    while not world.over.is_set():
        request, truth = lap.prediction(hour, f"load-{hour}")
        hour += 1
        try:
            http.call("POST", f"/v2/models/{lap.NAME}/infer", request)
            waiting.append((request["id"], truth, lap.event_time(hour + LABEL_DELAY_EVENTS)))
        except (OSError, Failed):
            # No model yet, or no server: a prediction that was not answered is nobody's.
            world.over.wait(0.05)
        if len(waiting) > LABEL_DELAY_EVENTS:
            label = waiting.popleft()
            body = {"labels": [{"request_id": label[0], "value": label[1], "event_time": label[2]}]}
            if world.patiently(http, "POST", f"{NATIVE}/deployments/{lap.NAME}/labels", body) is not None:
                world.ledger.labels[label[0]] = body["labels"][0]
        world.over.wait(0.01)


def run_laps(world, count_of_kills, wanted_kills):
    """Laps one after another until all kills are done; the last one runs in peace. Gives how each ended."""
    http, ended = world.http(), []
    world.patiently(http, "POST", f"{NATIVE}/apply", {"root": str(world.folder / "project"), "dry_run": False})
    while not world.broken.is_set():
        last = count_of_kills() >= wanted_kills
        number = len(ended) + 1
        lap.add_rows(world.folder / "project", number)
        made = world.patiently(http, "POST", f"{NATIVE}/datasets/{lap.NAME}/versions", {"dry_run": False})
        world.ledger.versions[made["version"]["version"]] = made["version"]["digest"]
        reason = f"lap {number}"
        run = start_once(world, http, reason, {"seed": number})
        state = wait_for_run(world, http, run)
        ended.append((number, run, state))
        print(f"lap {number}: {run} {state} after {count_of_kills()} kills", flush=True)
        if last:
            break
    return ended


def start_once(world, http, reason, params):
    """Starts the pipeline once, though the answer may be lost: looks for a run with the reason before trying again."""
    end = time.monotonic() + LAP_LIMIT_S
    while time.monotonic() < end:
        for run in world.patiently(http, "GET", f"{NATIVE}/pipeline-runs?pipeline=train&limit=50")["items"]:
            if run["reason"] == reason:
                return run["id"]
        answer = world.patiently(http, "POST", f"{NATIVE}/pipelines/train/runs", {"params": params, "reason": reason, "force": False}, again=False)
        if answer is not None:
            return answer["id"]
    raise TimeoutError(f"{reason}: could not start the pipeline")


def wait_for_run(world, http, run):
    """Waits for a final state, noting each step seen as finished. While the server is killed again and again, a lap may take its time."""
    end = None
    while end is None or time.monotonic() < end:
        if end is None and (world.peace.is_set() or world.broken.is_set()):
            end = time.monotonic() + LAP_LIMIT_S
        found = world.patiently(http, "GET", f"{NATIVE}/pipeline-runs/{run}")
        for step in found["steps"]:
            key = (run, step["name"])
            if step["state"] in ("succeeded", "cached", "refused") and key not in world.ledger.finished_steps:
                world.ledger.finished_steps[key] = lap.starts(world.folder / "project", run, step["name"])
        if found["state"] not in ("queued", "running"):
            return found["state"]
        time.sleep(0.05)
    world.ledger.problem(f"{run} did not end within {LAP_LIMIT_S} s of the last kill")
    return "stuck"


def read_events(world, http, after=0):
    """All events after a position."""
    events = []
    while True:
        page = world.patiently(http, "GET", f"{NATIVE}/events?after={after}&limit={PAGE}")["items"]
        events += [(each["seq"], each["id"], each["name"], each["subject"]["name"], each["data"]) for each in page]
        if len(page) < PAGE:
            return events
        after = page[-1]["seq"]


def check_events(world, http):
    """What was seen before is still there, the same and in the same place."""
    now = read_events(world, http)
    before = world.ledger.events
    if now[: len(before)] != before:
        world.ledger.problem(f"events changed: {len(before)} seen before, {len(now)} now")
    if [each[0] for each in now] != list(range(1, len(now) + 1)):
        world.ledger.problem("events are not numbered 1, 2, 3, ...")
    if len({each[1] for each in now}) != len(now):
        world.ledger.problem("an event has come twice")
    world.ledger.events = now


def kill_and_start(world, kills, done):
    """The killer. Each kill counts once the server is up again and its events are as they were."""
    http, passed = world.http(), 0
    for number in range(1, kills + 1):
        pause = world.random.uniform(*KILL_PAUSE_S) + (BREATH_S if number % KILLS_TO_A_BREATH == 0 else 0)
        if world.over.wait(pause):
            break
        problems = len(world.ledger.problems)
        world.server.kill()
        if number % KILLS_IN_RECOVERY == 0:
            world.server.spawn()
            world.over.wait(world.random.uniform(*RECOVERY_PAUSE_S))
            world.server.kill()
        world.server.start()
        check_events(world, http)
        passed += problems == len(world.ledger.problems)
        done.append(pause)
        if number % 10 == 0:
            print(f"{number} kills", flush=True)
    world.peace.set()
    return passed


class Checks:
    """Named checks of the end, each passed or failed."""

    def __init__(self, ledger):
        self.ledger, self.rows = ledger, []

    def check(self, name, problems, looked_at):
        for problem in problems[:10]:
            self.ledger.problem(f"{name}: {problem}")
        self.rows.append([name, looked_at, len(problems)])


def final_checks(world, http, laps):
    checks, ledger = Checks(world.ledger), world.ledger
    lost = []
    for run, points in ledger.points.items():
        kept = {point["step"]: point["value"] for point in history(http, run)}
        lost += [f"run {run} step {step}" for step, value in points.items() if kept.get(step) != value]
    checks.check("metric points kept", lost, sum(map(len, ledger.points.values())))

    wrong = []
    for run, serial in ledger.params.items():
        data = http.call("GET", f"{MLFLOW}/runs/get?run_id={run}")["run"]["data"]
        if {"key": "serial", "value": serial} not in data.get("params", []):
            wrong.append(run)
    checks.check("parameters kept", wrong, len(ledger.params))

    new = []
    for body in list(ledger.labels.values()):
        answer = http.call("POST", f"{NATIVE}/deployments/{lap.NAME}/labels", {"labels": [body]})
        if answer["accepted"] or answer["corrected"]:
            new.append(body["request_id"])
    checks.check("labels kept", new, len(ledger.labels))

    digests = {each["version"]: each["digest"] for each in every(http, f"/datasets/{lap.NAME}/versions")}
    checks.check("data-set versions kept", [number for number, digest in ledger.versions.items() if digests.get(number) != digest], len(ledger.versions))

    again = [f"{run} {step}" for (run, step), starts in ledger.finished_steps.items() if lap.starts(world.folder / "project", run, step) != starts]
    checks.check("finished steps never started again", again, len(ledger.finished_steps))

    finals = collections.Counter((subject, data.get("step")) for _, _, name, subject, data in ledger.events if name == "pipelines.step_finished" and data.get("state") in ("succeeded", "cached", "refused"))
    checks.check("a step finishes once", [str(key) for key, count in finals.items() if count > 1], len(finals))

    versions = every(http, f"/models/{lap.NAME}/versions")
    made_by = collections.Counter(each["lineage"]["pipeline_run"] for each in versions)
    numbers = sorted(each["version"] for each in versions)
    checks.check("a run makes one version at most", [str(run) for run, count in made_by.items() if count > 1], len(versions))
    checks.check("versions count 1, 2, 3, ...", [] if numbers == list(range(1, len(numbers) + 1)) else [str(numbers)], len(numbers))
    decisions = collections.Counter(each["pipeline_run"] for each in every(http, f"/gate-decisions?model={lap.NAME}"))
    checks.check("a run is judged once", [run for run, count in decisions.items() if count > 1], len(decisions))

    checks.check("every lap ends", [f"lap {number}: {state}" for number, _, state in laps if state not in ("succeeded", "refused")], len(laps))
    running = [each["id"] for each in every(http, f"/releases?deployment={lap.NAME}") if each["state"] == "running"]
    checks.check("one release runs at most", running[1:], len(running))
    checks.check("no process is left behind", lap.processes(world.folder / "project"), 1)
    return checks.rows


def history(http, run):
    """All points of the metric `m`."""
    return http.call("GET", f"{MLFLOW}/metrics/get-history?run_id={run}&metric_key=m").get("metrics", [])


def every(http, path):
    """All items of a paged list."""
    items, token = [], None
    while True:
        join = "&" if "?" in path else "?"
        page = http.call("GET", f"{NATIVE}{path}{join}limit={PAGE}" + (f"&page={urllib.parse.quote(token)}" if token else ""))
        items += page["items"]
        token = page["next"]
        if not token:
            return items


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}, {options.kills} kills", flush=True)
    started = time.monotonic()
    with scratch("kill") as folder:
        lap.write_project(folder / "project")
        world = World(options.bin, folder, seed)
        world.server.start()
        done, outcome = [], {}
        threads = [
            guarded(world, "tracking client", track, world),
            guarded(world, "predicting client", predict_and_label, world),
            guarded(world, "killer", lambda: outcome.update(kills=kill_and_start(world, options.kills, done))),
        ]
        laps = []
        try:
            for thread in threads:
                thread.start()
            laps = run_laps(world, lambda: len(done), options.kills)
        except (OSError, Failed) as error:
            world.ledger.problem(f"a lap stopped: {error}")
        world.over.set()
        for thread in threads:
            thread.join()
        http = world.http()
        rest = world.patiently(http, "GET", f"{NATIVE}/rest?timeout_ms={REST_LIMIT_S * 1000 // 8}")
        wait_for(lambda: rest["at_rest"] or world.http().call("GET", f"{NATIVE}/rest?timeout_ms=5000")["at_rest"], REST_LIMIT_S, "the server does not come to rest")
        check_events(world, http)
        rows = final_checks(world, http, laps)
        world.server.stop()
        if world.ledger.problems:
            print(world.server.log_path.read_text(errors="replace")[-4000:])
    table("after the last kill", ["check", "looked at", "wrong"], rows)
    good = outcome.get("kills", 0)
    passed = good + sum(1 for row in rows if row[2] == 0)
    failed = options.kills - good + sum(1 for row in rows if row[2])
    result = {"seed": seed, "kills": len(done), "laps": len(laps), "seconds": round(time.monotonic() - started), "problems": world.ledger.problems}
    if options.kills >= 100:
        save("kill", {**result, "checks": [dict(zip(("check", "looked_at", "wrong"), row)) for row in rows]})
    print(json.dumps(result))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or world.ledger.problems else 0)


def guarded(world, name, work, *arguments):
    """A thread whose unexpected end is a problem, not silence."""

    def body():
        try:
            work(*arguments)
        except Exception as error:  # Whatever it was, the run must say so.
            if not world.over.is_set():
                world.ledger.problem(f"the {name} stopped: {error!r}")
                world.broken.set()

    return threading.Thread(target=body, daemon=True)


if __name__ == "__main__":
    main()
