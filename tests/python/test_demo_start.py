"""How the demo begins: a folder and a port that are taken cost nobody a build or a lap."""

import os
import pathlib
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 60


@pytest.fixture
def second(tmp_path):
    """A folder in which a lap was driven, or cut short, before."""
    (tmp_path / "demo-home" / "home").mkdir(parents=True)
    (tmp_path / "demo-home" / "project").mkdir()
    (tmp_path / "demo-home" / "project" / "pitcrew.yaml").write_text("project: bikes\n", encoding="utf-8")
    return tmp_path


def begun(binary, folder, *arguments):
    """What the demo says until it finds that there is no such table."""
    command = [binary, "demo", "bikes", "--data", "absent.csv", *arguments]
    ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode != 0
    return ended.stderr


def test_a_second_lap_takes_the_next_folder_and_a_free_port(binary, second):
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 7070))
            taken.listen()
        except OSError:
            pass  # Somebody else has it, which is as good.
        said = begun(binary, second)
    assert "`demo-home` holds an earlier lap; this one goes to `demo-home-2`" in said
    assert "127.0.0.1:7070 is in use; taking a free port" in said
    assert "pitcrew is up at http://127.0.0.1:" in said and "DEMO_DATA_UNREADABLE" in said
    # That lap had begun too: the next one leaves it alone.
    assert "goes to `demo-home-3`" in begun(binary, second, "--listen", "127.0.0.1:0")


def test_a_folder_that_was_asked_for_is_looked_at_before_a_server_starts(binary, second):
    said = begun(binary, second, "--folder", "demo-home", "--listen", "127.0.0.1:0")
    assert "DEMO_FOLDER_IN_USE" in said and "pitcrew is up" not in said
    assert list((second / "demo-home" / "home").iterdir()) == []


def test_make_demo_looks_before_it_builds(second):
    def make(**settings):
        command = ["bash", str(ROOT / "scripts" / "demo.sh")]
        return subprocess.run(command, env={**environment, **settings}, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    # A program that tells what it was asked.
    asked = second / "asked"
    asked.write_text('#!/bin/sh\necho "asked: $*"\n', encoding="utf-8")
    asked.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("FOLDER", "LISTEN", "DATA", "SEED", "EXIT", "PITCREW_BIN")}
    for wrong in ({"FOLDER": str(second / "demo-home")}, {"DATA": str(second / "absent.csv")}):
        ended = make(**wrong)
        assert ended.returncode == 1 and "error:" in ended.stderr and "==>" not in ended.stderr, ended.stderr
    assert make(PITCREW_BIN=str(asked)).stdout == "asked: demo bikes\n"
    everything = make(PITCREW_BIN=str(asked), FOLDER=str(second / "new"), LISTEN="127.0.0.1:0", SEED="3", EXIT="1").stdout
    assert everything == f"asked: demo bikes --folder {second / 'new'} --seed 3 --listen 127.0.0.1:0 --exit\n"
