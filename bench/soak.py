#!/usr/bin/env python3
"""A server that has seen much: many runs with their points, written by several clients at once.

Prints the rate of each tenth of the load, memory meanwhile, and how long the server takes to be healthy again after `kill -9`. What it
holds afterwards is counted by its own API. Ours alone: `mlflow server` would take days.

usage: soak.py --bin PATH [--runs 1000000] [--points 100] [--clients 4]
"""

import argparse
import json
import multiprocessing
import time

from harness import Http, Server, cpu_seconds, memory_mb, save, scratch, table

API = "/api/2.0/mlflow"
SLICES = 10
KEYS, PARAMS = 10, 5
RESTART_LIMIT_S, DECAY_LIMIT, MEMORY_LIMIT_MB = 1.0, 0.2, 500


def write(url, runs, points, first):
    """One client: runs with params and points, each acknowledged before the next."""
    http = Http(url)
    metrics = [
        {"key": f"metric_{at % KEYS}", "value": at * 0.5, "timestamp": 1_700_000_000_000 + at, "step": at // KEYS} for at in range(points)
    ]
    rest = f', "metrics": {json.dumps(metrics)}, "params": '
    sent = {"Content-Type": "application/json"}
    for at in range(first, first + runs):
        body = {"experiment_id": "0", "run_name": f"run-{at}", "start_time": 1_700_000_000_000 + at}
        run = http.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]
        params = [{"key": f"param_{key}", "value": str((at * 31 + key) % 97)} for key in range(PARAMS)]
        status, answer = http.raw("POST", f"{API}/runs/log-batch", f'{{"run_id": "{run}"{rest}{json.dumps(params)}}}'.encode(), sent)
        if status != 200:
            raise RuntimeError(f"log-batch answered {status}: {answer[:300]!r}")


def slice_of(url, options, number):
    """One tenth of the load; runs and points a second."""
    each = options.runs // SLICES // options.clients
    started = time.perf_counter()
    clients = [
        multiprocessing.Process(target=write, args=(url, each, options.points, (number * options.clients + client) * each))
        for client in range(options.clients)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        if client.exitcode != 0:
            raise RuntimeError("a client failed; see its trace above")
    elapsed = time.perf_counter() - started
    return each * options.clients / elapsed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=100, help="a run")
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    rows = []
    with scratch("soak") as folder:
        server = Server(options.bin, folder / "home").start()
        try:
            for number in range(SLICES):
                cpu = cpu_seconds(server.process.pid)
                rate = slice_of(server.url, options, number)
                rss, _ = memory_mb(server.process.pid)
                disk = sum(path.stat().st_size for path in (folder / "home").rglob("*") if path.is_file())
                cpu = cpu_seconds(server.process.pid) - cpu
                rows.append({"slice": number + 1, "runs_per_second": round(rate, 1), "points_per_second": round(rate * options.points),
                             "rss_mb": rss, "disk_gb": round(disk / 1e9, 2), "cpu_s": round(cpu, 1)})  # fmt: skip
                print(rows[-1], flush=True)
            server.kill()
            started = time.perf_counter()
            server.start()
            restart_s = time.perf_counter() - started
            kept = server.http(timeout_s=600).call("GET", "/api/v1/runs/count?experiment_id=0")["count"]
        finally:
            server.stop()
    columns = ["slice", "runs_per_second", "points_per_second", "rss_mb", "disk_gb", "cpu_s"]
    table(f"soak: {options.runs:,} runs of {options.points} points, {options.clients} clients", columns, [[row[column] for column in columns] for row in rows])
    written = options.runs // SLICES // options.clients * SLICES * options.clients
    decay = 1 - rows[-1]["runs_per_second"] / rows[0]["runs_per_second"]
    facts = {
        "runs": written, "points": written * options.points, "runs_kept": kept, "decay": round(decay, 3),
        "memory_peak_mb": max(row["rss_mb"] for row in rows), "restart_s": round(restart_s, 3),
    }  # fmt: skip
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    save("soak", {"slices": rows, **facts})
    if kept != written or decay > DECAY_LIMIT or facts["memory_peak_mb"] > MEMORY_LIMIT_MB or restart_s > RESTART_LIMIT_S:
        raise SystemExit("a limit is missed")


if __name__ == "__main__":
    main()
