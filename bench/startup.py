#!/usr/bin/env python3
"""How long `pitcrew up` takes on an empty folder to its first healthy answer, how much memory it then holds, how large the binary is.

usage: startup.py --bin PATH [--runs 20]
"""

import argparse
import pathlib
import socket
import time

from harness import Server, free_port, memory_mb, quantile, save, scratch, table

LIMITS = {"start_ms": 150, "idle_rss_mb": 60, "binary_mb": 120}
IDLE_S = 3
START_LIMIT_S = 30
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def first_answer_ms(server):
    """From spawn to the first byte of a healthy answer. Tries to connect without pause: the loop costs microseconds."""
    started = time.perf_counter()
    server.spawn()
    while time.perf_counter() - started < START_LIMIT_S:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
                connection.sendall(REQUEST)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return (time.perf_counter() - started) * 1e3
        except OSError:
            time.sleep(0.0005)
    raise TimeoutError(f"no healthy answer in {START_LIMIT_S} s:\n{server.log()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    fresh, again, memory = [], [], []
    with scratch("startup") as folder:
        for run in range(options.runs):
            server = Server(options.bin, folder / f"home-{run}", free_port())
            fresh.append(first_answer_ms(server))
            if run < 3:
                # Idle is idle: what start-up allocated has settled.
                time.sleep(IDLE_S)
                memory.append(memory_mb(server.process.pid))
            server.stop()
            again.append(first_answer_ms(server))
            server.stop()
    binary_mb = round(pathlib.Path(options.bin).stat().st_size / 1e6, 1)
    result = {
        "runs": options.runs,
        "empty_folder_ms": {"median": round(quantile(fresh, 0.5), 1), "worst": round(max(fresh), 1)},
        "existing_folder_ms": {"median": round(quantile(again, 0.5), 1), "worst": round(max(again), 1)},
        "idle_rss_mb": max(rss for rss, _ in memory),
        "idle_pss_mb": max(pss for _, pss in memory),
        "binary_mb": binary_mb,
        "limits": LIMITS,
    }
    table(
        "start-up",
        ["figure", "median", "worst", "limit"],
        [
            ["empty folder to healthy, ms", result["empty_folder_ms"]["median"], result["empty_folder_ms"]["worst"], LIMITS["start_ms"]],
            ["existing folder to healthy, ms", result["existing_folder_ms"]["median"], result["existing_folder_ms"]["worst"], None],
            ["idle memory (RSS), MB", result["idle_rss_mb"], result["idle_rss_mb"], LIMITS["idle_rss_mb"]],
            ["binary, MB", binary_mb, binary_mb, LIMITS["binary_mb"]],
        ],
    )
    save("startup", result)


if __name__ == "__main__":
    main()
