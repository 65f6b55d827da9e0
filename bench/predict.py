#!/usr/bin/env python3
"""Predictions of the demo's model, a batch of one: requests per second and latency at 1, 8 and 32 connections, beside FastAPI and onnxruntime.

Both servers answer the same body with the same model file on the same machine, and take turns. Ours does all that it does in earnest:
routing, input checks, the inference log, metrics.

usage: predict.py --bin PATH [--folder DEMO_FOLDER] [--seconds 5] [--rounds 3]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import demo_home
import wrk
from harness import ROOT, Http, Server, cpu_seconds, free_port, memory_mb, save, scratch, table, wait_for

CONNECTIONS = [1, 8, 32]
TOLERANCE = 1e-3


class Peer:
    """FastAPI in one uvicorn process."""

    def __init__(self, folder, model):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "model.onnx").write_bytes(model)

    def start(self):
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "bench"), "peer_fastapi:app", "--port", str(self.port), "--log-level", "warning"]
        environment = {**os.environ, "MODEL": str(self.folder / "model.onnx")}
        with open(self.folder / "peer.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_for(self.ready, 60, f"the peer did not start; see {self.folder}/peer.log")
        return self

    def ready(self):
        try:
            return Http(self.url).raw("GET", "/v2/health/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def answer(url, path, body):
    """The first output's values."""
    status, content = Http(url).raw("POST", path, body, {"Content-Type": "application/json"})
    if status != 200:
        raise RuntimeError(f"{url}{path}: {status}: {content[:500]!r}")
    return json.loads(content)["outputs"][0]["data"]


def measure(name, url, pid, path, connections, seconds, body):
    cpu = cpu_seconds(pid)
    figures = wrk.run(url + path, connections, seconds, wrk.post(body))
    cpu = cpu_seconds(pid) - cpu
    return {"server": name, **figures, "cpu_us_per_request": round(cpu * 1e6 / max(1, figures["requests"]), 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results = []
    with scratch("predict") as folder:
        home = demo_home.make(options.bin, options.folder or folder / "demo")
        path = f"/v2/models/{demo_home.DEPLOYMENT}/infer"
        with Server(options.bin, home) as ours:
            http = ours.http()
            wait_for(lambda: http.call("GET", f"{demo_home.NATIVE}/deployments/{demo_home.DEPLOYMENT}")["state"] == "serving", 60, "no model is served")
            body = demo_home.infer_body(http)
            peer = Peer(folder, demo_home.model_bytes(http)).start()
            try:
                ours_says, peer_says = answer(ours.url, path, body), answer(peer.url, path, body)
                if abs(ours_says[0] - peer_says[0]) > TOLERANCE * max(1, abs(peer_says[0])):
                    raise RuntimeError(f"the servers disagree: {ours_says} and {peer_says}")
                subjects = [("pitcrew", ours.url, ours.process.pid), ("FastAPI + onnxruntime", peer.url, peer.process.pid)]
                for connections in CONNECTIONS:
                    rounds = {name: [] for name, *_ in subjects}
                    for _ in range(options.rounds):
                        for name, url, pid in subjects:
                            rounds[name].append(measure(name, url, pid, path, connections, options.seconds, body))
                            time.sleep(0.5)
                    results += [max(figures, key=lambda one: one["per_second"]) for figures in rounds.values()]
                memory = {"pitcrew_rss_mb": memory_mb(ours.process.pid)[0], "peer_rss_mb": memory_mb(peer.process.pid)[0]}
            finally:
                peer.stop()
    columns = ["clients", "server", "per_second", "p50_ms", "p99_ms", "max_ms", "failures", "cpu_us_per_request"]
    table(f"predict, batch 1, {len(body)} bytes, {options.seconds} s, best of {options.rounds} rounds", columns, [[one[column] for column in columns] for one in results])
    save("predict", {"seconds": options.seconds, "rounds": options.rounds, "body_bytes": len(body), "cases": results, **memory})


if __name__ == "__main__":
    main()
