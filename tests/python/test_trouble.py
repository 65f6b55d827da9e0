"""Bad days: a port in use, a second server on a folder, a full or read-only disk, damaged bytes, strangers. Each has a clear answer, and
nothing acknowledged is lost.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess

import pytest
from harness import Failed, Http, Server

API = "/api/2.0/mlflow"
START_LIMIT_S = 30


def refused_start(binary, home, *arguments):
    """What `pitcrew up` says when it does not start."""
    command = [binary, "up", "--home", str(home), *arguments]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_LIMIT_S, check=False)
    assert ended.returncode != 0, ended.stdout
    assert "panicked" not in ended.stderr
    assert "error:" in ended.stderr
    return ended.stderr


@contextlib.contextmanager
def small_disk(folder, options):
    """A file system of its own, for one test."""
    if os.getuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def new_run(http):
    return http.call("POST", f"{API}/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


def log(http, run, step):
    http.call("POST", f"{API}/runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step})


def steps(http, run):
    return [point["step"] for point in http.call("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=m").get("metrics", [])]


def test_a_port_in_use(binary, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused_start(binary, tmp_path / "home", "--listen", f"127.0.0.1:{port}")
    assert str(port) in said
    assert "hint:" in said


def test_a_second_server_on_one_folder(binary, tmp_path):
    with Server(binary, tmp_path / "home") as first:
        said = refused_start(binary, tmp_path / "home", "--listen", "127.0.0.1:0")
        assert "hint:" in said
        assert first.url in said or str(first.process.pid) in said
        assert first.healthy()


def test_an_address_for_all_without_a_login(binary, tmp_path):
    said = refused_start(binary, tmp_path / "home", "--listen", "0.0.0.0:0")
    assert "token" in said or "login" in said or "auth" in said


def test_a_newer_database(binary, tmp_path):
    home = tmp_path / "home"
    with Server(binary, home):
        pass
    with contextlib.closing(sqlite3.connect(home / "metadata.db")) as database:
        slices = [name for (name,) in database.execute("SELECT DISTINCT slice FROM schema_versions")]
        columns = [row[1] for row in database.execute("PRAGMA table_info(schema_versions)")]
        last = database.execute("SELECT * FROM schema_versions WHERE slice = ? ORDER BY version DESC LIMIT 1", (slices[0],)).fetchone()
        row = dict(zip(columns, last)) | {"version": 999}
        database.execute(f"INSERT INTO schema_versions ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        database.commit()
    assert "newer" in refused_start(binary, home, "--listen", "127.0.0.1:0")


def test_a_read_only_folder(binary, tmp_path):
    with small_disk(tmp_path / "disk", "ro,size=1m") as disk:
        said = refused_start(binary, disk / "home", "--listen", "127.0.0.1:0")
    assert "hint:" in said


def test_a_full_disk_loses_nothing_acknowledged(binary, tmp_path):
    with small_disk(tmp_path / "disk", "size=64m") as disk:
        server = Server(binary, disk / "home")
        server.log_path = tmp_path / "server.log"
        with server:
            http = server.http()
            run, kept = new_run(http), []
            log(http, run, 0)
            kept.append(0)
            fill(disk / "filler")
            refused = None
            for step in range(1, 3000):
                try:
                    log(http, run, step)
                    kept.append(step)
                except Failed as failure:
                    refused = failure
                    break
            assert refused is not None, "the disk is full and everything was acknowledged"
            assert refused.status == 503
            assert "disk" in refused.body
            assert steps(http, run) == kept
            (disk / "filler").unlink()
            log(http, run, 5000)
            assert steps(http, run) == [*kept, 5000]
            server.kill()
            server.start()
            assert steps(server.http(), run) == [*kept, 5000]


def fill(path):
    """Writes until nothing fits any more."""
    with open(path, "wb", buffering=0) as filler:
        size = 1 << 20
        while size:
            try:
                filler.write(b"\0" * size)
            except OSError:
                size //= 2


def test_damaged_bytes_are_not_handed_out(binary, tmp_path):
    home = tmp_path / "home"
    with Server(binary, home) as server:
        http = server.http()
        info = http.call("POST", f"{API}/runs/create", {"experiment_id": "0"})["run"]["info"]
        path = info["artifact_uri"].split(":/", 1)[1].strip("/")
        content = os.urandom(50_000)
        assert http.raw("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}/a.bin", content)[0] == 200
        assert http.raw("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}/a.bin") == (200, content)
        (stored,) = [each for each in (home / "objects").rglob("*") if each.is_file() and each.stat().st_size == len(content)]
        stored.chmod(0o600)
        with open(stored, "r+b") as damaged:
            damaged.seek(100)
            damaged.write(bytes([content[100] ^ 1]))
        try:
            status, answer = http.raw("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}/a.bin")
        except OSError:
            # A body that turns out damaged after its beginning was sent can only be cut off.
            return
        assert (status >= 500 or len(answer) < len(content)) and answer != content


def test_a_stop_is_graceful_and_a_kill_is_survived(binary, tmp_path):
    server = Server(binary, tmp_path / "home").start()
    http = server.http()
    run = new_run(http)
    log(http, run, 1)
    assert json.loads((tmp_path / "home" / "server.json").read_text())["url"] == server.url
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(START_LIMIT_S) == 0
    assert not (tmp_path / "home" / "server.json").exists()
    server.start()
    log(server.http(), run, 2)
    server.kill()
    with server:
        assert steps(server.http(), run) == [1, 2]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Host": "evil.example"}, 403), ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({}, 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/v1/status", "/metrics", "/healthz", "/readyz"])
def test_strangers_are_refused(url, path, headers, expected):
    status, body = Http(url).raw("GET", path, headers=headers)
    assert status == expected, body


def test_methods_that_nobody_knows_make_no_figures(url):
    http = Http(url)
    for number in range(20):
        http.raw(f"ODD{number}", "/api/v1/status")
    text = http.raw("GET", "/metrics")[1].decode()
    assert 'method="other"' in text and "ODD" not in text


def test_a_path_that_nothing_answers_has_the_id_of_its_request(url):
    status, body = Http(url).raw("GET", "/api/v1/nothing", headers={"X-Request-Id": "mine"})
    assert (status, json.loads(body)["request_id"]) == (404, "mine")


def test_one_connection_too_many_is_refused_at_once_and_the_others_go_on(binary, tmp_path):
    limit = 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < limit + 200:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Server(binary, tmp_path / "home") as server, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        kept = stack.enter_context(contextlib.closing(server.http()))
        assert kept.raw("GET", "/healthz")[0] == 200
        refused = None
        for _ in range(limit + 50):
            one = stack.enter_context(socket.create_connection(address))
            refused = one
        answer = refused.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503") and b"retry-after: 1" in answer
        assert kept.raw("GET", "/healthz")[0] == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_token_after_a_kill(binary, tmp_path):
    home = tmp_path / "home"
    server = Server(binary, home).start()
    server.kill()
    made = subprocess.run([binary, "token", "create", "admin", "--access", "admin", "--home", str(home)], capture_output=True, text=True, timeout=START_LIMIT_S, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("pc_")


def test_init_overwrites_nothing(binary, tmp_path):
    folder = tmp_path / "My Shop"
    folder.mkdir()
    (folder / "requirements.txt").write_text("mine", encoding="utf-8")
    ended = subprocess.run([binary, "init", str(folder)], capture_output=True, text=True, timeout=START_LIMIT_S, check=False)
    assert ended.returncode == 4 and "requirements.txt" in ended.stderr
    assert [path.name for path in folder.iterdir()] == ["requirements.txt"]
    made = subprocess.run([binary, "init", str(folder), "--template", "empty"], check=False, capture_output=True, timeout=START_LIMIT_S)
    assert made.returncode == 0
    assert "project: my-shop" in (folder / "pitcrew.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"name": ', 400), (b"", 400), (b"[]", 400), (b"{" + b'"a":1,' * 20 + b"}", 400), (b'{"name": "' + b"x" * 40_000_000 + b'"}', 413)],
    ids=["cut off", "empty", "a list", "a trailing comma", "too large"],
)  # fmt: skip
def test_bad_bodies_have_clear_answers(url, body, expected):
    try:
        status, answer = Http(url).raw("POST", "/api/v1/tokens", body, {"Content-Type": "application/json"})
    except OSError:
        # The server may close before it has read what it will not take.
        assert expected == 413
        return
    assert status == expected, answer
    problem = json.loads(answer)
    assert problem["status"] == expected
    assert problem["code"] and problem["detail"] and problem["request_id"]
