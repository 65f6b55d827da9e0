#!/usr/bin/env python3
"""Tracking and registry calls that everything else waits for: `log-metric`, `log-batch`, `create-run`, `get-run` and the resolving of an
alias, beside `mlflow server`, on SQLite or on PostgreSQL.

The two servers alternate, case by case, so that both see the same machine. The peer is measured as shipped and again with its
44 ms stall taken away from the client's side (TCP_QUICKACK): the second is the fair comparison, the first what its users see.
Both are durable when they answer: the peer's SQLite syncs each commit, ours each group of commits; with `--postgres` both use databases
of one PostgreSQL that syncs. `--cpu` figures are the
server's processor milliseconds for one request, over its whole process tree.

usage: tracking.py --bin PATH [--seconds 6] [--rounds 2] [--without-peer] [--postgres]
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import wrk
from harness import ROOT, Failed, Http, Server, cpu_seconds, free_port, load, memory_mb, save, scratch, table, wait_for

API = "/api/2.0/mlflow"
BATCH = 1000
PEER_START_LIMIT_S = 180
SETTLE_LIMIT_S, SETTLE_STEP_S, SETTLED_SHARE = 60, 2, 0.1


class Postgres:
    """A PostgreSQL of our own that syncs what it acknowledges, with a database for each server."""

    def __init__(self):
        self.folder = pathlib.Path(self.script("start").strip())
        self.base = (self.folder / "url").read_text().strip().rsplit("/", 1)[0]
        for name in ("ours", "peer"):
            subprocess.run(["psql", "-q", f"{self.base}/pitcrew", "-c", f"CREATE DATABASE {name}"], check=True)

    def script(self, *words):
        command = ["bash", str(ROOT / "scripts" / "postgres.sh"), *words]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env={**os.environ, "DURABLE": "1"}).stdout

    def url(self, name):
        return f"{self.base}/{name}"

    def stop(self):
        self.script("stop", str(self.folder))


class Peer:
    """`mlflow server` as shipped, from the environment this script runs in."""

    def __init__(self, folder, database=None):
        self.database = database or f"sqlite:///{folder}/mlflow.db"
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{free_port()}"

    def start(self):
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", self.url.rsplit(":", 1)[1],
            "--backend-store-uri", self.database, "--default-artifact-root", str(self.folder / "artifacts"),
        ]  # fmt: skip
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        started = time.perf_counter()
        wait_for(self.healthy, PEER_START_LIMIT_S, f"mlflow server did not start; see {self.folder}/log")
        self.start_s = round(time.perf_counter() - started, 1)
        return self

    def healthy(self):
        try:
            return Http(self.url, timeout_s=5).raw("GET", "/health")[0] == 200
        except OSError:
            return False

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def new_run(url):
    """A run in the default experiment."""
    answer = Http(url).call("POST", f"{API}/runs/create", {"experiment_id": "0", "start_time": int(time.time() * 1e3)})
    return answer["run"]["info"]["run_id"]


def log_metric(url, quick_ack):
    """Each client logs to a run of its own; every point is new."""

    def make(_client):
        connection, run, state = Http(url, quick_ack=quick_ack), new_run(url), {"step": 0}

        def call():
            state["step"] += 1
            body = {"run_id": run, "key": "loss", "value": 1.0 / state["step"], "timestamp": int(time.time() * 1e3), "step": state["step"]}
            connection.call("POST", f"{API}/runs/log-metric", body)

        return call

    return make


def log_batch(url, quick_ack):
    """A thousand points a call, over ten keys."""

    def make(_client):
        connection, run, state = Http(url, quick_ack=quick_ack), new_run(url), {"step": 0}

        def call():
            first = state["step"]
            state["step"] += BATCH // 10
            now = int(time.time() * 1e3)
            metrics = [
                {"key": f"metric_{key}", "value": step * 0.5, "timestamp": now, "step": step}
                for step in range(first, first + BATCH // 10)
                for key in range(10)
            ]
            connection.call("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})

        return call

    return make


def create_run(url, quick_ack):
    """Runs with two tags, as the client makes them."""

    def make(_client):
        connection = Http(url, quick_ack=quick_ack)

        def call():
            tags = [{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.name", "value": "bench.py"}]
            connection.call("POST", f"{API}/runs/create", {"experiment_id": "0", "start_time": int(time.time() * 1e3), "tags": tags})

        return call

    return make


def get_run(url, quick_ack):
    """One run of ten params and ten metrics, read over and over."""
    run, writer = new_run(url), Http(url)
    metrics = [{"key": f"m{at}", "value": at, "timestamp": 1, "step": 0} for at in range(10)]
    params = [{"key": f"p{at}", "value": str(at)} for at in range(10)]
    writer.call("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
    return reading(url, quick_ack, f"{API}/runs/get?run_id={run}")


def alias(url, quick_ack):
    """The version behind `models:/bench@champion`, as `load_model` asks for it."""
    name, writer = f"bench-{time.time_ns()}", Http(url)
    writer.call("POST", f"{API}/registered-models/create", {"name": name})
    run = writer.call("GET", f"{API}/runs/get?run_id={new_run(url)}")["run"]["info"]
    version = {"name": name, "source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    writer.call("POST", f"{API}/model-versions/create", version)
    writer.call("POST", f"{API}/registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
    return reading(url, quick_ack, f"{API}/registered-models/alias?name={name}&alias=champion")


def reading(url, quick_ack, path):
    def make(_client):
        connection = Http(url, quick_ack=quick_ack)
        return lambda: connection.call("GET", path)

    return make


CASES = [
    ("log-metric", log_metric, 1, 1),
    ("log-metric", log_metric, 32, 1),
    ("log-metric", log_metric, 256, 1),
    ("log-batch", log_batch, 1, BATCH),
    ("log-batch", log_batch, 8, BATCH),
    ("create-run", create_run, 32, 1),
    ("get-run", get_run, 32, 1),
    ("alias", alias, 32, 1),
]


def measure(name, url, pid, case, seconds, quick_ack):
    what, make, clients, points = case
    cpu = cpu_seconds(pid)
    figures = load(clients, seconds, make(url, quick_ack))
    cpu = cpu_seconds(pid) - cpu
    figures.update(server=name, case=what, points_per_second=round(figures["per_second"] * points, 1))
    figures["cpu_ms_per_request"] = round(cpu * 1e3 / figures["requests"], 3) if figures["requests"] else None
    return figures


def log_metric_by_wrk(url, pid, clients, seconds):
    """Ours again with a load generator in C: at these rates Python's client is a good part of what is measured."""
    runs = ", ".join(f'"{new_run(url)}"' for _ in range(clients))
    script = f"""
local runs, n = {{{runs}}}, 0
request = function()
  n = n + 1
  local body = string.format('{{"run_id": "%s", "key": "loss", "value": %.6f, "timestamp": {int(time.time() * 1e3)}, "step": %d}}', runs[n % #runs + 1], 1 / n, n)
  return wrk.format(nil, nil, nil, body)
end
"""
    cpu = cpu_seconds(pid)
    figures = wrk.run(f"{url}{API}/runs/log-metric", clients, max(1, round(seconds)), wrk.generated(script))
    cpu = cpu_seconds(pid) - cpu
    figures.update(server="pitcrew, load by wrk", case="log-metric", points_per_second=figures["per_second"])
    figures["cpu_ms_per_request"] = round(cpu * 1e3 / max(1, figures["requests"]), 3)
    return figures


def acknowledged_are_there(url):
    """The count the server keeps is the count it acknowledged."""
    run, connection = new_run(url), Http(url)
    for step in range(50):
        connection.call("POST", f"{API}/runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step})
    points = connection.call("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m")["metrics"]
    if len(points) != 50:
        raise Failed(500, f"50 points acknowledged, {len(points)} kept")


def settle(url, pid):
    """Lets a server finish starting: the peer's workers and job consumers are busy for a while after the first healthy answer."""
    load(1, 1, log_metric(url, False))
    for _ in range(SETTLE_LIMIT_S // SETTLE_STEP_S):
        before = cpu_seconds(pid)
        time.sleep(SETTLE_STEP_S)
        if cpu_seconds(pid) - before < SETTLED_SHARE * SETTLE_STEP_S:
            return
    print(f"{url} is still busy on its own", file=sys.stderr)


def best(figures):
    """The better round of a case: noise only ever takes away."""
    return max(figures, key=lambda one: one["per_second"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    options = parser.parse_args()
    results, facts = [], {}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch("tracking"))
        postgres = Postgres() if options.postgres else None
        if postgres:
            stack.callback(postgres.stop)
        ours = Server(options.bin, folder / "home", arguments=["--database", postgres.url("ours")] if postgres else []).start()
        subjects = [("pitcrew", ours.url, ours.process.pid, False)]
        peer = None
        try:
            acknowledged_are_there(ours.url)
            if not options.without_peer:
                peer = Peer(folder / "peer", postgres and postgres.url("peer").replace("postgres:", "postgresql:")).start()
                facts["peer_start_s"] = peer.start_s
                subjects += [("mlflow, stall removed", peer.url, peer.process.pid, True), ("mlflow as shipped", peer.url, peer.process.pid, False)]
            for _, url, pid, _ in subjects[:2]:
                settle(url, pid)
            for case in CASES:
                rounds = {name: [] for name, *_ in subjects}
                for _ in range(options.rounds):
                    for name, url, pid, quick_ack in subjects:
                        rounds[name].append(measure(name, url, pid, case, options.seconds, quick_ack))
                results += [best(figures) for figures in rounds.values()]
            for clients in (1, 32):
                results.append(best([log_metric_by_wrk(ours.url, ours.process.pid, clients, options.seconds) for _ in range(options.rounds)]))
            facts["pitcrew_rss_mb"] = memory_mb(ours.process.pid)[0]
            if peer:
                facts["mlflow_rss_mb"], facts["mlflow_pss_mb"] = memory_mb(peer.process.pid)
        finally:
            if peer:
                peer.stop()
            ours.stop()
    columns = ["case", "clients", "server", "per_second", "points_per_second", "p50_ms", "p99_ms", "failures", "cpu_ms_per_request"]
    table(f"tracking, {options.seconds:g} s a case, better of {options.rounds} rounds", columns, [[one[column] for column in columns] for one in results])
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    name = "tracking-postgres" if options.postgres else "tracking"
    save(name, {"seconds": options.seconds, "rounds": options.rounds, "cases": results, **facts})


if __name__ == "__main__":
    main()
