"""The first lap again: the same seed tells the same story, the log holds what was answered, and it is done in time.

Laps are cut short soon after the first promotion; the README's own test drives a whole one.
"""

import csv
import json
import os
import pathlib
import subprocess

import numpy as np
import pandas as pd
import pytest
from harness import Server
from pyarrow import parquet

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path(os.environ.get("PITCREW_BIKES_TABLE") or ROOT.parent / "shared" / "datasets" / "bike_sharing_hourly" / "hour.csv")
LIMIT_S = 900
# The city changes on its day 65, the public table more slowly; an alarm, a retraining and its canary are over a month later.
CITY_DAYS, TABLE_DAYS = 92, 136
# What differs between two laps of one seed: how long it took and where it was.
ABOUT_THE_RUN = ("seconds", "folder")
FEATURES = ["season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"]


class Lap:
    """A lap under way in a folder of its own."""

    def __init__(self, binary, folder, arguments, environments=None):
        self.folder = folder
        if environments:
            # The Python packages of the steps, as a lap before installed them.
            (folder / "home").mkdir(parents=True)
            (folder / "home" / "environments").symlink_to(environments)
        command = [binary, "demo", "bikes", "--folder", str(folder), "--listen", "127.0.0.1:0", "--exit", "--json", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended(self):
        """Waits for its end and gives its report."""
        try:
            printed, said = self.process.communicate(timeout=LIMIT_S)
        finally:
            self.process.kill()
        assert self.process.returncode == 0, said
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        assert json.loads(printed) == report
        return report

    def story(self):
        """The report without what is about this run only."""
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        report["facts"] = {name: fact for name, fact in report["facts"].items() if name not in ABOUT_THE_RUN}
        return report


@pytest.fixture(scope="module")
def laps(binary, tmp_path_factory):
    """Two laps of one city, the second beside one on the public table where that is at hand: the machine is busier then."""
    folder = tmp_path_factory.mktemp("laps")
    city = ["--seed", 7, "--days", CITY_DAYS]
    first = Lap(binary, folder / "first", city)
    first.ended()
    found = {"first": first}
    later = {"again": city}
    if TABLE.is_file():
        later["table"] = ["--data", TABLE, "--days", TABLE_DAYS]
    found |= {name: Lap(binary, folder / name, arguments, first.folder / "home" / "environments") for name, arguments in later.items()}
    for name in later:
        found[name].ended()
    return found


def kinds(story):
    return {mark["kind"] for mark in story["marks"]}


def test_the_same_seed_gives_the_same_report(laps):
    first, again = laps["first"].story(), laps["again"].story()
    assert {"alarm", "gate", "canary", "promotion"} <= kinds(first)
    assert first["champion"] > 1 and first["facts"]["notifications"] > 0
    for part, told in first.items():
        assert again[part] == told, part
    assert predictions(laps["again"].folder) == predictions(laps["first"].folder)


def predictions(folder):
    """Request, version and arm of every answer, as the lap was given them."""
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        return [(row["request_id"], int(row["version"]), row["arm"]) for row in csv.DictReader(file)]


def test_the_parquet_log_holds_every_prediction_with_version_and_arm(laps):
    folder = laps["again"].folder
    rows = []
    for file in (folder / "home" / "log").rglob("*.parquet"):
        columns = parquet.read_table(file, columns=["request_id", "version", "arm", "role"]).to_pylist()
        rows += [(row["request_id"], row["version"], row["arm"]) for row in columns if row["role"] == "served"]
    answered = predictions(folder)
    assert sorted(rows) == sorted(answered) and len(answered) == 24 * CITY_DAYS
    assert {arm for _, _, arm in answered} == {"champion", "candidate"}


def test_a_lap_on_the_public_table_is_alarmed_retrained_and_promoted(laps):
    if "table" not in laps:
        pytest.skip(f"the public table is not at hand: {TABLE.name} beside the repository, or PITCREW_BIKES_TABLE")
    story = laps["table"].story()
    assert {"alarm", "gate", "canary", "promotion"} <= kinds(story)
    assert story["champion"] > 1
    facts = story["facts"]
    assert facts["labels_accepted"] == story["predictions"] == facts["logged"] and facts["labels_other"] == 0


def test_the_mlflow_client_loads_the_champion_of_a_lap(binary, laps):
    import mlflow

    folder, story = laps["again"].folder, laps["again"].story()
    rows = pd.concat(pd.read_csv(file) for file in sorted((folder / "project" / "data").glob("2012-*.csv")))
    rows["request_id"] = rows["ts"].str[:13]
    answers = pd.read_csv(folder / "predictions.csv")
    answers = answers[answers["version"] == story["champion"]].merge(rows, on="request_id")
    assert len(answers) > 0
    with Server(binary, folder / "home") as server:
        mlflow.set_tracking_uri(server.url)
        mlflow.set_registry_uri(server.url)
        predicted = mlflow.pyfunc.load_model("models:/bikes@champion").predict(answers[FEATURES])
    assert np.allclose(np.asarray(predicted["cnt"], float).ravel(), answers["prediction"], rtol=1e-5)
