"""What the benchmarks and the client tests share: a server as a child process, plain HTTP, figures and tables.

Python's standard library only, so that a harness never measures its own dependencies.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
START_LIMIT_S = 60
STOP_LIMIT_S = 30


def free_port():
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, limit_s, what, pause_s=0.02):
    """The first true value of `condition()`; fails with `what` after `limit_s`."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"after {limit_s} s: {what}")
        time.sleep(pause_s)


class Failed(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:500]!r}")
        self.status = status
        self.body = body


class Http:
    """A keep-alive connection with TCP_NODELAY. Not shared between threads. Reconnects on the next call after a failure."""

    def __init__(self, url, timeout_s=60, quick_ack=False):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.timeout_s = timeout_s
        # Answers the peer's delayed-acknowledgement stall from this side: set again before each read, as Linux forgets it.
        self.quick_ack = quick_ack
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def raw(self, method, path, body=None, headers=None):
        """`(status, body bytes)`; connection errors are raised as `OSError`."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            if self.quick_ack:
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            answer = self.connection.getresponse()
            content = answer.read()
            # A server that refuses a request may close before it has read the body.
            if answer.will_close or (body is not None and answer.status >= 400):
                self.close()
            return answer.status, content
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise error if isinstance(error, OSError) else ConnectionError(str(error)) from error

    def call(self, method, path, body=None, headers=None):
        """JSON in and out; raises `Failed` unless the answer is 2xx."""
        sent = dict(headers or {})
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        status, content = self.raw(method, path, data, sent)
        if not 200 <= status < 300:
            raise Failed(status, content.decode(errors="replace"))
        return json.loads(content) if content.strip() else None


class Server:
    """`pitcrew up` on a folder. Its output goes to a log file beside the folder's name."""

    def __init__(self, binary, home, port=0, environment=None, arguments=()):
        self.binary, self.home, self.port = str(binary), pathlib.Path(home), port
        self.environment = {**os.environ, "PITCREW_LOG": "warn", **(environment or {})}
        self.arguments = list(arguments)
        self.log_path = pathlib.Path(f"{self.home}.log")
        self.process = None
        self.url = None

    def spawn(self):
        """Starts the process without waiting for it to listen."""
        command = [self.binary, "up", "--home", str(self.home), "--listen", f"127.0.0.1:{self.port}", *self.arguments]
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        return self

    def start(self):
        """Starts it and waits for its first healthy answer."""
        self.spawn()
        self.url = wait_for(self.announced, START_LIMIT_S, f"no `listening on` in {self.log_path}")
        wait_for(self.healthy, START_LIMIT_S, f"{self.url} is not healthy; see {self.log_path}")
        return self

    def announced(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"pitcrew ended with status {self.process.returncode}:\n{self.log()}")
        for line in self.log().splitlines():
            if "listening on " in line:
                return line.split("listening on ", 1)[1].split()[0].rstrip("/")
        return None

    def log(self):
        """What this start of the server has said."""
        with open(self.log_path, "rb") as log:
            log.seek(self.offset)
            return log.read().decode(errors="replace")

    def healthy(self):
        try:
            return Http(self.url, timeout_s=5).raw("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def http(self, **options):
        return Http(self.url, **options)

    def kill(self):
        """Ends the server at once, as a power cut would. Its children are left for the next start to find."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Asks it to stop and waits; a server that does not stop is an error."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"pitcrew did not stop within {STOP_LIMIT_S} s of SIGTERM:\n{self.log()}") from None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()


@contextlib.contextmanager
def scratch(name):
    """A temporary folder that goes away unless `KEEP` is set."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"pitcrew-{name}-"))
    try:
        yield folder
    finally:
        if os.environ.get("KEEP"):
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def process_tree(pid):
    """`pid` and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        here = todo.pop()
        found.append(here)
        todo.extend(children.get(here, []))
    return found


def memory_mb(pid):
    """`(rss, pss)` of a process and its children in megabytes of 10^6 bytes."""
    total = {"Rss": 0, "Pss": 0}
    for each in process_tree(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in total:
                    total[name] += int(rest.split()[0]) * 1024
    return round(total["Rss"] / 1e6, 1), round(total["Pss"] / 1e6, 1)


def cpu_seconds(pid):
    """User and system time of a process and its living children."""
    ticks = 0
    for each in process_tree(pid):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def quantile(values, share):
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load(clients, seconds, make):
    """Runs `clients` threads, each calling what `make(client)` returned until the time is over.

    Gives requests per second, p50 and p99 in milliseconds, failures, and how many were counted.
    """
    calls = [make(client) for client in range(clients)]
    times = [[] for _ in calls]
    failures = [0] * clients
    barrier = threading.Barrier(clients + 1)
    end = [0.0]

    def work(index):
        call = calls[index]
        barrier.wait()
        while time.perf_counter() < end[0]:
            started = time.perf_counter()
            try:
                call()
            except (OSError, Failed):
                failures[index] += 1
                continue
            times[index].append(time.perf_counter() - started)

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(clients)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    end[0] = started + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    every = [one for each in times for one in each]
    return {
        "clients": clients,
        "requests": len(every),
        "failures": sum(failures),
        "per_second": round(len(every) / elapsed, 1),
        "p50_ms": round(quantile(every, 0.50) * 1e3, 3) if every else None,
        "p99_ms": round(quantile(every, 0.99) * 1e3, 3) if every else None,
    }


def table(title, columns, rows):
    """Prints rows as aligned text; numbers to the right."""
    cells = [[("-" if value is None else f"{value:,}" if isinstance(value, (int, float)) else str(value)) for value in row] for row in rows]
    widths = [max(len(column), *(len(row[at]) for row in cells)) if cells else len(column) for at, column in enumerate(columns)]
    numeric = [all(isinstance(row[at], (int, float, type(None))) for row in rows) for at in range(len(columns))]

    def line(values):
        return "  ".join(value.rjust(width) if right else value.ljust(width) for value, width, right in zip(values, widths, numeric)).rstrip()

    print(f"\n{title}")
    print(line(columns))
    print("  ".join("-" * width for width in widths))
    for row in cells:
        print(line(row))


def save(name, result):
    """Writes `bench/results/NAME.json` with what is needed to judge the figures."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    whole = {
        "benchmark": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "load_average_before": round(os.getloadavg()[2], 2),
        **result,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")
