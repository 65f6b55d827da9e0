#!/usr/bin/env python3
"""Searches over runs: how long a page takes with 1,000, 50,000 and, with `--large`, 500,000 runs in the experiment.

One client asks, so the times are those somebody waits. Each size is an experiment of its own in one database; the smallest is asked again
at the end, beside all others. The first runs come in over HTTP, the many as the rows that HTTP would have written (`search_load.py`).
`--postgres URL` measures over an empty PostgreSQL database, too. `--peer N` asks `mlflow server` the same up to N runs: with many, an answer of
its takes so long that the whole takes hours.

usage: search.py --bin PATH [--seconds 2] [--rounds 2] [--large] [--postgres URL] [--peer 10000]
"""

import argparse
import base64
import json
import time
import urllib.parse

import search_load
from harness import Failed, Http, Server, memory_mb, quantile, save, scratch, table
from search_load import API
from tracking import Peer

BY_HTTP = 1_000
MANY = 50_000
LARGE = 500_000
PAGE = 100
DEEP = 200
LEAST = 3
GOAL = "metrics.auc > 0.9 and params.model = 'xgb'"


def mlflow(connection, experiment, **fields):
    """One page over MLflow's API."""
    return connection.call("POST", f"{API}/runs/search", {"experiment_ids": [experiment], "max_results": PAGE, **fields})


def native(connection, path, experiment, *fields):
    """One answer of the native API."""
    query = urllib.parse.urlencode([("experiment_id", experiment), *fields])
    return connection.call("GET", f"/api/v1/{path}?{query}")


def before_deep(runs):
    """How many runs stand before the page that is `DEEP` pages down, or the last of a smaller experiment."""
    return min(PAGE * (DEEP - 1), runs - PAGE)


def cases(connection, experiment, runs):
    """Name and call of what both servers are asked."""
    token = mlflow(connection, experiment, max_results=before_deep(runs))["next_page_token"]
    return cases_from(connection, experiment, token)


def peer_cases(connection, experiment, runs):
    """The same for the peer. Its token says how many runs to skip; to ask it for all of these at once would take minutes."""
    token = base64.b64encode(json.dumps({"offset": before_deep(runs)}).encode()).decode()
    return cases_from(connection, experiment, token)


def cases_from(connection, experiment, token):
    return [
        ("filter, by its metric", lambda: mlflow(connection, experiment, filter=GOAL, order_by=["metrics.auc DESC"])),
        ("filter, by another metric", lambda: mlflow(connection, experiment, filter=GOAL, order_by=["metrics.loss ASC"])),
        ("by metric", lambda: mlflow(connection, experiment, order_by=["metrics.loss ASC"])),
        ("newest", lambda: mlflow(connection, experiment)),
        ("param LIKE and tag", lambda: mlflow(connection, experiment, filter="params.param_1 LIKE '%5%' and tags.team = 't7'")),
        ("page 200", lambda: mlflow(connection, experiment, page_token=token)),
    ]


def native_cases(connection, experiment, _runs):
    """What only the native API is asked."""
    wanted = ("fields", "name,status,metrics.auc,metrics.loss,params.model")
    either = "metrics.auc > 0.99 OR (params.model = 'xgb' AND NOT metrics.loss > 0.1)"
    return [
        ("native: filter, some fields", lambda: native(connection, "runs", experiment, ("filter", GOAL), ("order_by", "metrics.auc DESC"), wanted)),
        ("native: OR and NOT", lambda: native(connection, "runs", experiment, ("filter", either), ("order_by", "metrics.auc DESC"), wanted)),
        ("native: count", lambda: native(connection, "runs/count", experiment, ("filter", GOAL))),
        ("native: columns", lambda: native(connection, f"experiments/{experiment}/columns", experiment)),
    ]


def found(answer):
    """How much an answer holds, to see that all servers find the same."""
    if "count" in answer:
        return answer["count"]
    for name in ("runs", "items", "metrics"):
        if name in answer:
            return len(answer[name])
    return 0


def measure(server, runs, beside, name, call, seconds):
    """Times of one case: as many calls as fit, three at least, after one that does not count."""
    answer, times, end = call(), [], time.perf_counter() + seconds
    while len(times) < LEAST or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return {
        "server": server,
        "runs": runs,
        "runs_beside": beside,
        "case": name,
        "found": found(answer),
        "requests": len(times),
        "p50_ms": round(quantile(times, 0.5) * 1e3, 2),
        "p99_ms": round(quantile(times, 0.99) * 1e3, 2),
    }


def over(server, url, load, sizes, makers, timing, quick_ack=False):
    """All sizes of one server, and the smallest again when the others stand beside it. A peer's runs never come by HTTP, which takes minutes."""
    results, loaded, first = [], 0, None
    for runs in sizes:
        experiment = search_load.new_experiment(url, f"search {runs}")
        first = first or (experiment, runs)
        started = time.perf_counter()
        if runs <= BY_HTTP and not quick_ack:
            search_load.by_http(url, experiment, runs)
        else:
            load(experiment, runs)
        print(f"{server}: {runs:,} runs in {time.perf_counter() - started:.0f} s", flush=True)
        results += all_cases(server, url, experiment, runs, loaded, makers, timing, quick_ack)
        loaded += runs
    if len(sizes) > 1:
        experiment, runs = first
        results += all_cases(server, url, experiment, runs, loaded - runs, makers, timing, quick_ack)
    return results


def all_cases(server, url, experiment, runs, beside, makers, timing, quick_ack):
    """Every case in turn, some rounds of it; the better round counts, as noise only ever takes away."""
    seconds, rounds = timing
    connection = Http(url, quick_ack=quick_ack, timeout_s=600)
    try:
        made = [case for make in makers for case in make(connection, experiment, runs)]
        measured = [[measure(server, runs, beside, name, call, seconds) for name, call in made] for _ in range(rounds)]
        return [min(one, key=lambda figures: figures["p50_ms"]) for one in zip(*measured)]
    finally:
        connection.close()


def agree(results):
    """Every server finds as much for the same question; fails where one does not."""
    seen = {}
    for one in results:
        expected = seen.setdefault((one["runs"], one["case"]), one)
        if expected["found"] != one["found"]:
            raise Failed(500, f"{one['server']} finds {one['found']} for {one['case']}, {expected['server']} {expected['found']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} runs, too")
    parser.add_argument("--postgres", metavar="URL", help="an empty database, to measure over it, too")
    parser.add_argument("--peer", type=int, metavar="N", help="ask `mlflow server`, too, with up to N runs")
    options = parser.parse_args()
    sizes = [BY_HTTP, MANY] + ([LARGE] if options.large else [])
    timing, results, facts = (options.seconds, options.rounds), [], {}
    with scratch("search") as folder:
        into_file = lambda path, rows: lambda experiment, runs: search_load.into_sqlite(path, rows(experiment, runs))  # noqa: E731
        with Server(options.bin, folder / "home") as server:
            load = into_file(folder / "home" / "metadata.db", search_load.ours)
            results += over("pitcrew, SQLite", server.url, load, sizes, [cases, native_cases], timing)
            facts["pitcrew_rss_mb"] = memory_mb(server.process.pid)[0]
        if options.postgres:
            with Server(options.bin, folder / "postgres", arguments=["--database", options.postgres]) as server:
                load = lambda experiment, runs: search_load.into_postgres(options.postgres, search_load.ours(experiment, runs))  # noqa: E731
                results += over("pitcrew, PostgreSQL", server.url, load, sizes, [cases, native_cases], timing)
        if options.peer:
            peer = Peer(folder / "peer").start()
            try:
                load = into_file(folder / "peer" / "mlflow.db", search_load.peers)
                results += over("mlflow, stall removed", peer.url, load, [BY_HTTP, options.peer], [peer_cases], timing, quick_ack=True)
            finally:
                peer.stop()
    agree(results)
    results.sort(key=lambda one: (one["case"], one["runs"], one["runs_beside"]))
    columns = ["case", "runs", "runs_beside", "server", "found", "p50_ms", "p99_ms", "requests"]
    table(f"searches, one client, {options.seconds:g} s a case, better of {options.rounds} rounds", columns, [[one[column] for column in columns] for one in results])
    save("search", {"seconds": options.seconds, "rounds": options.rounds, "cases": results, **facts})


if __name__ == "__main__":
    main()
