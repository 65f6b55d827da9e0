"""Garbage collection of a whole server: everything that anything refers to can still be read, and what nothing refers to is gone."""

import contextlib
import re
import sqlite3

import lap
import onnx
import pytest
from harness import Failed, Server, wait_for
from small_lap import NATIVE, a_champion, is_served, run_to_its_end

MLFLOW = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
LIMIT_S = 60
HOURS = 72

DIGEST = re.compile(r"b3:[0-9a-f]{64}")
# Columns, or whole tables, that tell of objects without needing them. New ones with digests are looked at until they have a reason here.
ONLY_TOLD = {
    "outbox": "what happened",
    "events": "what happened",
    "auth_audit": "what happened",
    "data_file_stats": "what source files looked like",
    "data_sets": "the last evaluation; its files are hashed again when their objects are gone",
}


def stored(home):
    """The digests of all objects."""
    return {f"b3:{path.name}" for path in (home / "objects" / "objects").rglob("*") if path.is_file()}


def referred(home):
    """Where each digest is named in the database."""
    found = {}
    with contextlib.closing(sqlite3.connect(f"file:{home / 'metadata.db'}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [f"{table}.{row[1]}" for row in database.execute(f"PRAGMA table_info({table})")]
            for row in database.execute(f"SELECT * FROM {table}"):
                for column, value in zip(columns, row):
                    if isinstance(value, str) and table not in ONLY_TOLD and column not in ONLY_TOLD:
                        for digest in DIGEST.findall(value):
                            found.setdefault(digest, set()).add(column)
    return found


def collect(http, **asked):
    http.call("GET", f"{NATIVE}/rest?timeout_ms=60000")
    return http.call("POST", f"{NATIVE}/gc", {"older_than": "0s", **asked})


class Lap:
    """A small lap with something of every kind of thing that keeps objects, and some garbage."""

    def __init__(self, server, folder):
        self.http, self.home, self.project, self.garbage = server.http(), server.home, folder / "project", set()
        self.run = a_champion(server.http(), self.project)
        self.experiment_run()
        self.model_of_ones_own()
        self.second_version_of_the_data()
        self.code(folder / "code")

    def made(self, act):
        """The objects that an act adds."""
        before = stored(self.home)
        act()
        return stored(self.home) - before

    def put(self, path, content):
        status, answer = self.http.raw("PUT", f"{ARTIFACTS}/{path}", content)
        assert status == 200, answer

    def get(self, path):
        return self.http.raw("GET", f"{ARTIFACTS}/{path}")

    def new_run(self):
        info = self.http.call("POST", f"{MLFLOW}/runs/create", {"experiment_id": "0"})["run"]["info"]
        return info["run_id"], info["artifact_uri"].split(":/", 1)[1].strip("/")

    def experiment_run(self):
        _, self.files = self.new_run()
        self.put(f"{self.files}/kept.txt", b"kept")
        self.garbage |= self.made(lambda: self.put(f"{self.files}/written-twice.txt", b"first"))
        self.put(f"{self.files}/written-twice.txt", b"second")

    def model_of_ones_own(self):
        """A version whose bytes only the registry still refers to: the artifact they came from was replaced."""
        _, first = self.get(f"_registered/{lap.NAME}/1/model.onnx")
        model = onnx.load_from_string(first)
        model.producer_name = "somebody"
        self.model = model.SerializeToString()
        run, files = self.new_run()
        self.put(f"{files}/model/model.onnx", self.model)
        made = {"name": lap.NAME, "source": f"runs:/{run}/model", "run_id": run}
        self.version = self.http.call("POST", f"{MLFLOW}/model-versions/create", made)["model_version"]["version"]
        self.put(f"{files}/model/model.onnx", b"another")

    def second_version_of_the_data(self):
        lap.add_rows(self.project, 1)
        added = self.http.call("POST", f"{NATIVE}/datasets/{lap.NAME}/versions", {"dry_run": False})
        assert added["version"]["version"] == 2, added

    def code(self, folder):
        """Code of a run that its project has left behind, code of a project without pipelines, code that was only looked at."""
        with open(self.project / "steps" / "note.py", "a", encoding="utf-8") as script:
            script.write("print('changed')\n")
        self.apply(self.project)
        folder.mkdir()
        (folder / "pitcrew.yaml").write_text("project: notes\n", encoding="utf-8")
        (folder / "notes.py").write_text("print('kept by the project alone')\n", encoding="utf-8")
        self.apply(folder)
        (folder / "notes.py").write_text("print('only looked at')\n", encoding="utf-8")
        self.garbage |= self.made(lambda: self.apply(folder, dry_run=True))

    def apply(self, folder, dry_run=False):
        self.http.call("POST", f"{NATIVE}/apply", {"root": str(folder), "dry_run": dry_run})


def read_everything(lap_made, server):
    """Asks for each thing in the way its users do."""
    http = lap_made.http = server.http()
    assert lap_made.get(f"{lap_made.files}/kept.txt") == (200, b"kept")
    assert lap_made.get(f"{lap_made.files}/written-twice.txt") == (200, b"second")
    assert lap_made.get(f"_registered/{lap.NAME}/1/model.onnx")[0] == 200
    assert lap_made.get(f"_registered/{lap.NAME}/{lap_made.version}/model.onnx") == (200, lap_made.model)
    wait_for(lambda: is_served(http), LIMIT_S, "the champion is not loaded again")
    # Whose data did not change is taken from the cache; doing it all again reads data, code and outputs.
    again = run_to_its_end(http)
    assert run_to_its_end(http)["steps"][0]["state"] == "cached"
    forced = run_to_its_end(http, force=True)
    assert outputs(forced) == outputs(again)


def outputs(run):
    return {step["name"]: step["outputs"] for step in run["steps"] if step["name"] in ("prepare", "train")}


def watch_a_few_days(http):
    """Drift is judged against the profile that the first version carries."""
    for hour in range(HOURS):
        http.call("POST", f"/v2/models/{lap.NAME}/infer", lap.prediction(hour, f"r{hour}")[0])
    labels = [{"request_id": f"r{hour}", "value": lap.row(hour)[1], "event_time": lap.event_time(hour + 24)} for hour in range(HOURS)]
    http.call("POST", f"{NATIVE}/deployments/{lap.NAME}/labels", {"labels": labels})
    windows = lambda: http.call("GET", f"{NATIVE}/monitors/{lap.NAME}/windows")["items"]
    judged = lambda: [drift for window in windows() for drift in window["drift"] if drift["verdict"] != "no_data"]
    wait_for(judged, LIMIT_S, "no window is judged against the profile")


def test_what_is_referred_to_stays_and_garbage_goes(binary, tmp_path):
    home = tmp_path / "home"
    with Server(binary, home) as server:
        made = Lap(server, tmp_path)
        before, named = stored(home), referred(home)
        needed = {digest: where for digest, where in named.items() if digest in before}
        assert len(made.garbage) == 3 and not made.garbage & needed.keys()
        counted = collect(made.http, dry_run=True)
        assert stored(home) == before
        collected = collect(made.http)
        after = stored(home)
        assert {digest: where for digest, where in needed.items() if digest not in after} == {}
        assert made.garbage & after == set()
        assert collected == {**counted, "dry_run": False} and collected["objects"] == len(before - needed.keys())
        assert collect(made.http)["objects"] == 0
    with Server(binary, home) as server:
        watch_a_few_days(server.http())
        read_everything(made, server)


def test_young_garbage_stays_unless_asked_for(binary, tmp_path):
    with Server(binary, tmp_path / "home") as server:
        http = server.http()
        (tmp_path / "pitcrew.yaml").write_text("project: notes\n", encoding="utf-8")
        http.call("POST", f"{NATIVE}/apply", {"root": str(tmp_path), "dry_run": True})
        count = len(stored(server.home))
        assert count > 0
        assert http.call("POST", f"{NATIVE}/gc", {})["objects"] == 0
        assert collect(http, older_than="59m")["objects"] == 0
        for wrong in ("soon", "-1s", 5):
            with pytest.raises(Failed) as refused:
                collect(http, older_than=wrong)
            assert refused.value.status == 400
        assert (collect(http)["objects"], stored(server.home)) == (count, set())
