"""Load by `wrk`: a C program, so that the load generator is not what is measured."""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile

# Answers other than 2xx and socket errors are told apart: the first are the server's word, the second its silence.
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format('RESULT {"requests": %d, "us": %d, "not_2xx": %d, "socket_errors": %d, "p50_us": %d, "p99_us": %d, "max_us": %d}',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


def post(body, headers=None):
    """A script that posts the same JSON body over and over."""
    lines = ['wrk.method = "POST"', f"wrk.body = {lua(body)}"]
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        lines.append(f"wrk.headers[{lua(name)}] = {lua(value)}")
    return "\n".join(lines) + DONE


def generated(function):
    """A script whose `request` function is given; `wrk.headers` and `wrk.method` are set for JSON posts."""
    return 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n' + function + DONE


def lua(text):
    """A text as a Lua literal: JSON's escapes are Lua's for plain ASCII."""
    return json.dumps(text)


class Load:
    """A load under way. Leaving its `with` block ends it, whatever happened in between."""

    def __init__(self, url, connections, seconds, script):
        if shutil.which("wrk") is None:
            raise RuntimeError("wrk is missing: run scripts/setup.sh bench")
        self.connections = connections
        self.folder = tempfile.TemporaryDirectory(prefix="pitcrew-wrk-")
        path = pathlib.Path(self.folder.name) / "load.lua"
        path.write_text(script, encoding="utf-8")
        # One thread: the server needs the other core more than the load does.
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "-s", str(path), url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        if self.running():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def running(self):
        return self.process.poll() is None

    def stop(self):
        """Ends the load before its time is over, and gives its figures."""
        self.process.send_signal(signal.SIGINT)
        return self.figures()

    def figures(self):
        """Waits for the end of the load and gives its figures."""
        output, _ = self.process.communicate()
        line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
        if line is None:
            raise RuntimeError(f"wrk said nothing useful:\n{output}")
        raw = json.loads(line.removeprefix("RESULT "))
        return {
            "clients": self.connections,
            "requests": raw["requests"],
            "failures": raw["not_2xx"] + raw["socket_errors"],
            "not_2xx": raw["not_2xx"],
            "socket_errors": raw["socket_errors"],
            "per_second": round(raw["requests"] / (raw["us"] / 1e6), 1),
            "p50_ms": round(raw["p50_us"] / 1e3, 3),
            "p99_ms": round(raw["p99_us"] / 1e3, 3),
            "max_ms": round(raw["max_us"] / 1e3, 3),
        }


def run(url, connections, seconds, script):
    """The figures of one load."""
    with Load(url, connections, seconds, script) as load:
        return load.figures()
