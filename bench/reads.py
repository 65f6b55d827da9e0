#!/usr/bin/env python3
"""Reading what was logged: a long history whole and sampled, and large artifacts up and down, beside `mlflow server`.

Artifacts are compared with what the machine can do at all: a file written and synced, and the same bytes through a loopback connection.

usage: reads.py --bin PATH [--points 100000] [--megabytes 1024] [--rounds 10] [--without-peer]
"""

import argparse
import http.client
import os
import socket
import threading
import time
import urllib.parse

from harness import Http, Server, memory_mb, quantile, save, scratch, table
from tracking import API, BATCH, Peer, new_run

CHUNK = 1 << 20
SAMPLED = 2_500


def logged(url, points):
    """A run with one metric of so many points."""
    run, http = new_run(url), Http(url)
    for first in range(0, points, BATCH):
        metrics = [{"key": "loss", "value": step * 0.37 % 5, "timestamp": 1_700_000_000_000 + step, "step": step} for step in range(first, first + BATCH)]
        http.call("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})
    return run


def timed(rounds, call):
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return {"p50_ms": round(quantile(times, 0.5), 2), "worst_ms": round(max(times), 2), "rounds": rounds}


def histories(name, url, options):
    """The raw answer is timed: decoding 100,000 points in Python is the client's work."""
    run, http = logged(url, options.points), Http(url, timeout_s=300, quick_ack=True)
    expected = {"whole": options.points, "sampled": SAMPLED}
    paths = {
        "whole": f"{API}/metrics/get-history?run_id={run}&metric_key=loss",
        "sampled": f"{API.replace('/api', '/ajax-api')}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss&max_results={SAMPLED}",
    }
    rows = []
    for what, path in paths.items():
        got = len(http.call("GET", path)["metrics"])
        if abs(got - expected[what]) > 1:
            raise RuntimeError(f"{name} answers {got} points for the {what} history")
        rounds = options.rounds if name == "pitcrew" else max(2, options.rounds // 5)
        rows.append({"case": f"history {what}", "server": name, **timed(rounds, lambda path=path: http.raw("GET", path))})
    return rows


def put(url, path, size):
    """Streams a file of random bytes; `(seconds)`."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
    block = os.urandom(CHUNK)
    started = time.perf_counter()
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(size * CHUNK))
    connection.endheaders()
    for at in range(size):
        # No two blocks are the same, so nothing is stored once for two.
        connection.send(at.to_bytes(8, "little") + block[8:])
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"PUT {path} answered {answer.status}")
    return time.perf_counter() - started


def get(url, path, size):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
    buffer, got = bytearray(CHUNK), 0
    started = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    while count := answer.readinto(buffer):
        got += count
    if answer.status != 200 or got != size * CHUNK:
        raise RuntimeError(f"GET {path} answered {answer.status} and {got} bytes")
    return time.perf_counter() - started


def disk(folder, size):
    """The same bytes into a file, synced."""
    block = os.urandom(CHUNK)
    started = time.perf_counter()
    with open(folder / "limit", "wb") as file:
        for at in range(size):
            file.write(at.to_bytes(8, "little") + block[8:])
        file.flush()
        os.fsync(file.fileno())
    elapsed = time.perf_counter() - started
    (folder / "limit").unlink()
    return elapsed


def loopback(size):
    """The same bytes from one thread to another through TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        block = os.urandom(CHUNK)

        def send():
            connection, _ = listener.accept()
            with connection:
                for _ in range(size):
                    connection.sendall(block)

        sender = threading.Thread(target=send)
        sender.start()
        buffer, started = bytearray(CHUNK), time.perf_counter()
        with socket.create_connection(listener.getsockname()) as connection:
            while connection.recv_into(buffer):
                pass
        elapsed = time.perf_counter() - started
        sender.join()
    return elapsed


def artifacts(name, url, pid, size):
    run = Http(url).call("GET", f"{API}/runs/get?run_id={new_run(url)}")["run"]["info"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{run['experiment_id']}/{run['run_id']}/artifacts/large.bin"
    rows = [{"case": "upload", "server": name, "s": put(url, path, size)}, {"case": "download", "server": name, "s": get(url, path, size)}]
    return rows, memory_mb(pid)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--without-peer", action="store_true")
    options = parser.parse_args()
    size, facts = options.megabytes, {}
    with scratch("reads") as folder:
        ours, peer = Server(options.bin, folder / "home").start(), None
        try:
            rows = histories("pitcrew", ours.url, options)
            if not options.without_peer:
                peer = Peer(folder / "peer").start()
                rows += histories("mlflow, stall removed", peer.url, options)
            facts["memory_before_mb"] = memory_mb(ours.process.pid)[0]
            limits = {"upload": min(disk(folder, size) for _ in range(2)), "download": min(loopback(size) for _ in range(2))}
            streams, facts["memory_after_mb"] = artifacts("pitcrew", ours.url, ours.process.pid, size)
            if peer:
                streams += artifacts("mlflow", peer.url, peer.process.pid, size)[0]
        finally:
            if peer:
                peer.stop()
            ours.stop()
    for row in streams:
        row.update(mb_per_second=round(size * CHUNK / 1e6 / row["s"], 1), of_limit=round(row["s"] / limits[row["case"]], 2), s=round(row["s"], 2))
    columns = ["case", "server", "p50_ms", "worst_ms", "rounds"]
    table(f"histories of {options.points:,} points", columns, [[row[column] for column in columns] for row in rows])
    columns = ["case", "server", "s", "mb_per_second", "of_limit"]
    table(f"artifacts of {size} MiB; limits: disk {limits['upload']:.2f} s, loopback {limits['download']:.2f} s", columns, [[row[column] for column in columns] for row in streams])
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    save("reads", {"histories": rows, "artifacts": streams, "limits_s": {name: round(value, 3) for name, value in limits.items()}, **facts})


if __name__ == "__main__":
    main()
