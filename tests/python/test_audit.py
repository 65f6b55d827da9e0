"""The audit log on the command line: who changed what, and a chain that shows when somebody touched it."""

import json
import sqlite3
import subprocess

from harness import Server

MLFLOW, LIMIT_S = "/api/2.0/mlflow", 60


def pitcrew(server, *arguments):
    command = [server.binary, "--url", server.url, *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_a_change_is_shown_with_who_made_it_and_a_touched_entry_shows(binary, tmp_path):
    home = tmp_path / "home"
    with Server(binary, home) as server:
        assert "nothing was changed yet" in pitcrew(server, "audit").stdout
        assert pitcrew(server, "audit", "--verify").stdout == "whole: nothing was changed yet\n"
        for name in ("first", "second"):
            server.http().call("POST", f"{MLFLOW}/experiments/create", {"name": name})
        assert pitcrew(server, "wait").returncode == 0
        newest = json.loads(pitcrew(server, "--json", "audit", "--limit", "1").stdout)["items"]
        assert [(entry["actor"], entry["action"], entry["subject"]) for entry in newest] == [("local", "tracking.experiment_created", "experiment:second")]
        assert "experiment second made" in pitcrew(server, "audit").stdout
        whole = pitcrew(server, "audit", "--verify")
        assert (whole.returncode, newest[0]["hash"] in whole.stdout) == (0, True), whole
    with sqlite3.connect(home / "metadata.db") as database:
        database.execute("UPDATE auth_audit SET actor = 'nobody' WHERE seq = 1")
    database.close()
    with Server(binary, home) as server:
        broken = pitcrew(server, "audit", "--verify")
        assert (broken.returncode, broken.stdout.startswith("broken at 1: ")) == (1, True), broken
        told = json.loads(pitcrew(server, "--json", "audit", "--verify").stdout)
        assert (told["whole"], told["broken_at"], told["entries"]) == (False, 1, 2)
