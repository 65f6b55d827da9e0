"""The published `mlflow` client moves large files, and reads what browsers read."""

import os
import subprocess

import pytest
import requests
from harness import Server
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

MIB = 1024 * 1024
PROXY = "/api/2.0/mlflow-artifacts"


@pytest.fixture
def in_parts(monkeypatch):
    """Makes the client send files of a MiB and more in parts of 5 MiB; counts the parts sent."""
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MIB))
    sent, original = [], HttpArtifactRepository._upload_part

    def counted(credential, local_file, size, start_byte):
        part = original(credential, local_file, size, start_byte)
        sent.append(part.part_number)
        return part

    monkeypatch.setattr(HttpArtifactRepository, "_upload_part", staticmethod(counted))
    return sent


@pytest.fixture
def large(tmp_path):
    """A file that needs three parts, and what is in it."""
    content = os.urandom(12 * MIB)
    path = tmp_path / "größe a.bin"
    path.write_bytes(content)
    return path, content


def test_a_large_file_goes_in_parts_because_the_server_says_so(mlflow, large, in_parts, is_pitcrew):
    path, content = large
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(path), "model")
    if is_pitcrew:
        assert sorted(in_parts) == [1, 2, 3]
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=f"model/{path.name}")
    with open(back, "rb") as file:
        assert file.read() == content


def test_parts_that_arrived_need_not_be_sent_again(mlflow, url, large, is_pitcrew):
    if not is_pitcrew:
        pytest.skip("a way of this server")
    _, content = large
    with mlflow.start_run() as run:
        folder = run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    begun = requests.post(f"{url}{PROXY}/mpu/create/{folder}", json={"path": "a.bin", "num_parts": 3}, timeout=30).json()
    parts = [content[: 5 * MIB], content[5 * MIB : 10 * MIB], content[10 * MIB :]]
    places = [credential["url"] for credential in begun["credentials"]]
    for at in (0, 2):
        assert requests.put(places[at], data=parts[at], timeout=30).headers["ETag"]
    there = requests.get(places[1], timeout=30).json()["parts"]
    assert [(part["part_number"], part["size"]) for part in there] == [(1, 5 * MIB), (3, 2 * MIB)]
    requests.put(places[1], data=parts[1], timeout=30).raise_for_status()
    there = requests.get(places[1], timeout=30).json()["parts"]
    end = {"path": "a.bin", "upload_id": begun["upload_id"], "parts": there}
    requests.post(f"{url}{PROXY}/mpu/complete/{folder}", json=end, timeout=30).raise_for_status()
    assert requests.get(f"{url}{PROXY}/artifacts/{folder}/a.bin", timeout=30).content == content


def test_browsers_read_files_and_parts_of_them(mlflow, url):
    with mlflow.start_run() as run:
        mlflow.log_text("<script>alert(1)</script>", "pages/page.html")
    address = f"{url}/get-artifact"
    asked = {"run_id": run.info.run_id, "path": "pages/page.html"}
    whole = requests.get(address, params=asked, timeout=10)
    assert whole.text == "<script>alert(1)</script>"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = requests.get(address, params=asked, headers={"Range": "bytes=1-6"}, timeout=10)
    assert (part.status_code, part.text, part.headers["Content-Range"]) == (206, "script", "bytes 1-6/25")
    tail = requests.get(address, params=asked, headers={"Range": "bytes=-9"}, timeout=10)
    assert (tail.status_code, tail.text) == (206, "</script>")
    beyond = requests.get(address, params=asked, headers={"Range": "bytes=25-"}, timeout=10)
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */25")
    head = requests.head(address, params=asked, timeout=10)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "25", b"")


def test_charts_of_several_runs(mlflow, url):
    runs = []
    for _ in range(2):
        with mlflow.start_run() as run:
            for step in range(30):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
        runs.append(run.info.run_id)
    metrics = f"{url}/ajax-api/2.0/mlflow/metrics"
    bulk = requests.get(f"{metrics}/get-history-bulk", params={"run_id": runs, "metric_key": "loss"}, timeout=10).json()
    assert [(point["run_id"], point["step"]) for point in bulk["metrics"]] == [(run, step) for run in sorted(runs) for step in range(30)]
    asked = {"run_ids": runs, "metric_key": "loss", "max_results": 4}
    thin = requests.get(f"{metrics}/get-history-bulk-interval", params=asked, timeout=10).json()
    assert [(point["run_id"], point["step"]) for point in thin["metrics"]] == [(run, step) for run in runs for step in (0, 8, 16, 29)]


def test_parts_carry_the_login(binary, tmp_path):
    """A client sends parts without its login; what it was told to add is enough, and nothing less is."""
    home = tmp_path / "home"
    made = subprocess.run([binary, "token", "create", "admin", "--access", "admin", "--home", home], capture_output=True, text=True, timeout=60, check=True)
    login = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with Server(binary, home, arguments=["--auth", "token"]) as server:
        asked = {"path": "a.bin", "num_parts": 1}
        create = f"{server.url}{PROXY}/mpu/create/0/r/artifacts"
        assert requests.post(create, json=asked, timeout=10).status_code == 401
        (credential,) = requests.post(create, json=asked, headers=login, timeout=10).json()["credentials"]
        assert requests.put(credential["url"], data=b"x", timeout=10).status_code == 401
        assert requests.put(credential["url"], data=b"x", headers=credential["headers"], timeout=10).status_code == 200
