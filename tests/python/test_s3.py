"""Objects in a bucket: the binary with `--objects s3://...` against an S3 service on loopback (moto)."""

import hashlib
import os
import random
import subprocess
import sys
import uuid

import boto3
import lap
import pytest
import requests
from harness import Failed, Server, free_port, wait_for
from small_lap import NATIVE, a_champion, is_served, run_to_its_end

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
PREFIX = "team/a"
SECRET, TOKEN = "Wq7secret0fthekey", "Zx9token0fthesession"
LIMIT_S = 60


class Service:
    """An S3 service in memory, as a process of its own."""

    def __init__(self, folder):
        self.log = folder / "s3.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", self.url.rsplit(":", 1)[1]]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.client = boto3.client("s3", endpoint_url=self.url, region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
        wait_for(self.answers, LIMIT_S, f"the S3 service does not start; see {self.log}")

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.client.list_buckets() is not None
        except Exception:  # Whatever a client makes of a port that is not open yet.
            return False

    def stop(self):
        self.process.kill()
        self.process.wait()

    def environment(self, **changes):
        """What reaches it, for a server."""
        of_aws = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
        }
        return {"RUST_LOG": "debug", **of_aws, **changes}


class Bucket:
    """A new bucket of a service."""

    def __init__(self, service):
        self.service, self.client, self.name = service, service.client, f"objects-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def keys(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def unfinished(self):
        return self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])

    def server(self, binary, home):
        return Server(binary, home, environment=self.service.environment(), arguments=["--objects", f"s3://{self.name}/{PREFIX}"])


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("s3"))
    yield service
    service.stop()


@pytest.fixture
def bucket(service):
    return Bucket(service)


def artifact_folder(http):
    info = http.call("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})["run"]["info"]
    return f"{ARTIFACTS}/{info['artifact_uri'].split(':/', 1)[1].strip('/')}"


def content(size):
    return random.Random(size).randbytes(size)


# One that goes in a single request, an empty one, and one of several parts.
SIZES = {"small.bin": 50_000, "empty.bin": 0, "large.bin": (17 << 20) + 3}


def read_back(http, folder):
    for name, size in SIZES.items():
        status, found = http.raw("GET", f"{folder}/{name}")
        assert (status, len(found)) == (200, size)
        assert hashlib.sha256(found).digest() == hashlib.sha256(content(size)).digest(), name


def test_artifacts_data_and_models_live_in_the_bucket_and_survive_a_restart(binary, tmp_path, bucket):
    home, project = tmp_path / "home", tmp_path / "project"
    with bucket.server(binary, home) as server:
        http = server.http()
        folder = artifact_folder(http)
        for name, size in SIZES.items():
            assert http.raw("PUT", f"{folder}/{name}", content(size))[0] == 200
        read_back(http, folder)
        first = a_champion(server.http(), project)
        command_line = open(f"/proc/{server.process.pid}/cmdline", "rb").read().decode()
        said = server.log()
    with bucket.server(binary, home) as server:
        http = server.http()
        read_back(http, folder)
        wait_for(lambda: is_served(http), LIMIT_S, "the champion is not served after a restart")
        request, truth = lap.prediction(0, "one")
        assert abs(http.call("POST", f"/v2/models/{lap.NAME}/infer", request)["outputs"][0]["data"][0] - truth) < 3
        # What the first run made is taken from the bucket, and so are its inputs when all is done again.
        cached = run_to_its_end(http)
        assert {step["state"] for step in cached["steps"] if step["name"] in ("prepare", "train")} == {"cached"}, cached
        again = run_to_its_end(http, force=True)
        assert outputs(again, "prepare") == outputs(first, "prepare")
        said += server.log()
    assert [path for path in (home / "objects").rglob("*") if path.is_file()] == []
    keys = bucket.keys()
    assert SIZES["large.bin"] in keys.values() and len(keys) > 10
    assert all(key.startswith(f"{PREFIX}/objects/") for key in keys)
    assert bucket.unfinished() == []
    for secret in (SECRET, TOKEN):
        assert secret not in said and secret not in command_line


def outputs(run, name):
    (step,) = [step for step in run["steps"] if step["name"] == name]
    return step["outputs"]


def test_damage_in_the_bucket_is_not_handed_out(binary, tmp_path, bucket):
    with bucket.server(binary, tmp_path / "home") as server:
        http = server.http()
        path = f"{artifact_folder(http)}/a.bin"
        assert http.raw("PUT", path, b"whole")[0] == 200
        (key,) = bucket.keys()
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"wrong")
        # The answer has begun when the damage is found, so it can only be cut off.
        with pytest.raises(OSError, match="IncompleteRead"):
            http.raw("GET", path)
        assert "BLOB_CORRUPT" in server.log()


def test_the_bucket_hands_an_artifact_out_by_itself(binary, tmp_path, bucket, monkeypatch):
    """A signed address, read in parts at once by the published client when it is told to."""
    import mlflow

    with bucket.server(binary, tmp_path / "home") as server:
        http = server.http()
        folder = artifact_folder(http)
        assert http.raw("PUT", f"{folder}/large.bin", content(SIZES["large.bin"]))[0] == 200
        presigned = http.call("GET", f"{folder}/large.bin".replace("/artifacts/", "/presigned/", 1))
        assert presigned["file_size"] == SIZES["large.bin"] and presigned["headers"] == {}
        assert presigned["url"].startswith(f"{bucket.service.url}/{bucket.name}/{PREFIX}/objects/")
        assert "X-Amz-Expires=900" in presigned["url"] and SECRET not in presigned["url"]
        part = requests.get(presigned["url"], headers={"Range": "bytes=10-19"}, timeout=LIMIT_S)
        assert (part.status_code, part.content) == (206, content(SIZES["large.bin"])[10:20])
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
        monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 << 20))
        mlflow.set_tracking_uri(server.url)
        run_id = folder.split("/")[-2]
        back = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="large.bin", dst_path=str(tmp_path / "back"))
        with open(back, "rb") as file:
            assert file.read() == content(SIZES["large.bin"])
        with pytest.raises(Failed) as none:
            http.call("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", {"run_id": run_id, "path": "a.bin"})
        assert none.value.status == 501


def test_a_service_that_goes_away_is_told(binary, tmp_path):
    service = Service(tmp_path)
    with Bucket(service).server(binary, tmp_path / "home") as server:
        http = server.http()
        path = f"{artifact_folder(http)}/a.bin"
        service.stop()
        with pytest.raises(Failed) as refused:
            http.call("PUT", path, {"some": "content"})
        assert refused.value.status == 503 and "does not answer as it should" in refused.value.body
        assert http.raw("GET", "/readyz")[0] == 200


NO_SUCH_PORT = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("objects", "changes", "code", "word"),
    [
        ("s3://no-such-bucket/a", {}, 6, "no such bucket"),
        ("s3://BUCKET", {"AWS_ENDPOINT_URL": NO_SUCH_PORT}, 6, "BLOB_STORE_UNAVAILABLE"),
        ("s3://BUCKET", {"AWS_ENDPOINT_URL": "http://store.example:9000"}, 2, "unencrypted"),
        ("s3://BUCKET", {"AWS_SECRET_ACCESS_KEY": ""}, 2, "go together"),
        ("s3://BUCKET", {"AWS_ENDPOINT_URL": "", "AWS_REGION": ""}, 2, "AWS_REGION"),
        (f"s3://AKIATEST:{SECRET}@BUCKET", {}, 2, "AWS_SECRET_ACCESS_KEY"),
        ("/some/folder", {}, 2, "s3://bucket"),
    ],
    ids=["no bucket", "no service", "no encryption", "half a key", "no region", "a key in the address", "no bucket's address"],
)
def test_a_bucket_that_cannot_be_used_stops_the_start(binary, tmp_path, bucket, objects, changes, code, word):
    environment = {**os.environ, **bucket.service.environment(**changes), "PITCREW_OBJECTS": objects.replace("BUCKET", bucket.name)}
    command = [binary, "up", "--home", tmp_path / "home", "--listen", "127.0.0.1:0"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False)
    assert ended.returncode == code, ended.stderr
    assert word in ended.stderr and "hint:" in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout and TOKEN not in ended.stderr + ended.stdout
    assert not (tmp_path / "home" / "metadata.db").exists()
