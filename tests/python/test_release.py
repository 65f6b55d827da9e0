"""The binary as it is shipped: one file that carries the web UI and ONNX Runtime, on a machine that has neither.

`scripts/stage.sh release` builds it and runs this with `PITCREW_BIN` naming the release binary.
"""

import json
import os
import pathlib
import shutil
import subprocess

import lap
import pytest
from harness import Failed, Server, wait_for

LIMIT_S = 120
MAX_BYTES = 120_000_000


@pytest.fixture
def bare(binary, tmp_path):
    """`(binary, environment)`: the file alone in a folder, and a home without caches."""
    alone = tmp_path / "bin" / "pitcrew"
    alone.parent.mkdir()
    shutil.copy(binary, alone)
    empty = tmp_path / "user"
    empty.mkdir()
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PITCREW_CACHE")
    return alone, {name: str(empty) for name in names}


def test_it_is_one_file_of_bounded_size(bare):
    assert bare[0].stat().st_size < MAX_BYTES


def test_it_carries_the_engine_and_the_pages_and_serves_a_model(bare, tmp_path):
    binary, environment = bare
    with Server(binary, tmp_path / "home", environment=environment) as server:
        findings = subprocess.run(
            [binary, "--json", "--url", server.url, "--home", tmp_path / "home", "doctor"],
            env={**os.environ, **environment}, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert findings.returncode == 0, findings.stdout
        engine = next(each for each in json.loads(findings.stdout) if each["what"] == "ONNX Runtime")
        assert engine["fine"], engine
        http = server.http()
        status, page = http.raw("GET", "/")
        assert status == 200 and b'<div id="root">' in page
        scripts = [part.split(b'"')[0].decode() for part in page.split(b'src="')[1:]]
        assert scripts and all(http.raw("GET", script)[0] == 200 for script in scripts)

        project = tmp_path / "project"
        lap.write_project(project)
        http.call("POST", "/api/v1/apply", {"root": str(project), "dry_run": False})
        http.call("POST", f"/api/v1/datasets/{lap.NAME}/versions", {"dry_run": False})
        http.call("POST", "/api/v1/pipelines/train/runs", {"params": {}, "reason": "a test", "force": False})

        def answer():
            try:
                return http.call("POST", f"/v2/models/{lap.NAME}/infer", lap.prediction(1, "one")[0])
            except Failed:
                return None

        told = wait_for(answer, LIMIT_S, "nothing is served")
        assert abs(told["outputs"][0]["data"][0] - lap.row(1)[1]) < 2
        libraries = [path for path in pathlib.Path("/proc", str(server.process.pid), "map_files").iterdir() if "onnxruntime" in os.readlink(path)]
        assert all(os.readlink(path).startswith(str(tmp_path)) for path in libraries), "a library of the machine was used"
        assert libraries
