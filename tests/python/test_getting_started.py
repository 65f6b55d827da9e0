"""A reader follows the documents: docs/getting-started.md from nothing to a served model, the calls of docs/predict.md, then every command
of the command line on what is there, as text and as JSON.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from harness import Server, free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = re.compile(r"`icecream/(?P<path>[\w./]+)`[^`]*?:\n\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT_S = 300


def document(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


class Reader:
    """Someone with a terminal in a folder, the program on the PATH, and a server started there."""

    def __init__(self, binary, folder):
        self.folder, self.port = folder, free_port()
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "pitcrew").symlink_to(binary)
        # The reader's machine has the `python3` that runs this.
        self.environment = {**os.environ, "PATH": f"{programs}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
        for name in ("PITCREW_HOME", "PITCREW_URL", "PITCREW_TOKEN"):
            self.environment.pop(name, None)
        self.server = Server(binary, folder / ".pitcrew", self.port)

    def type(self, commands, code=0):
        """Types commands; gives what standard output showed."""
        commands = commands.replace("127.0.0.1:7070", f"127.0.0.1:{self.port}")
        ended = subprocess.run(
            ["bash", "-euc", commands], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert ended.returncode == code, f"{commands}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
        return ended.stdout

    def json(self, command, code=0):
        return json.loads(self.type(f"pitcrew --json {command}", code))


@pytest.fixture(scope="module")
def reader(binary, tmp_path_factory):
    reader = Reader(binary, tmp_path_factory.mktemp("reader"))
    for match in FILE.finditer(document("getting-started.md")):
        path = reader.folder / "icecream" / match["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(match["text"], encoding="utf-8")
    script = next(block["text"] for block in BLOCK.finditer(document("getting-started.md")) if "sales.csv" in block["text"] and block["language"] == "python")
    (reader.folder / "icecream" / "make_data.py").write_text(script, encoding="utf-8")
    reader.type("cd icecream; python3 make_data.py")
    with reader.server:
        yield reader


def shell_blocks(name):
    return [match["text"] for match in BLOCK.finditer(document(name)) if match["language"] == "sh"]


@pytest.fixture(scope="module")
def shop(reader):
    """The icecream shop of the document, trained and served by its own commands."""
    (commands,) = [block for block in shell_blocks("getting-started.md") if "pitcrew apply icecream" in block]
    said = reader.type(commands)
    price = json.loads(said.splitlines()[-1])["variable"]
    assert 150 < price < 280, said
    return reader


def test_a_reader_of_getting_started_serves_a_model(shop):
    assert "passed" in shop.type("pitcrew models gates")
    assert "serving" in shop.type("pitcrew deployments ls")
    again = shop.json("run train")
    state = lambda: shop.json(f"runs {again['id']}")
    wait_for(lambda: state()["state"] == "succeeded", 60, "the second run does not end")
    assert {step["state"] for step in state()["steps"]} == {"cached"}
    assert all(step["cache"]["why"] for step in state()["steps"])


def test_the_calls_of_predict_md_work(shop):
    infer, invocations, labels = [block for block in shell_blocks("predict.md") if block.startswith("curl")][:3]
    answer = json.loads(shop.type(infer.replace("127.0.0.1:7070", f"127.0.0.1:{shop.port}")))
    assert answer["id"] == "sale-1" and answer["outputs"][0]["datatype"] == "FP32"
    assert len(json.loads(shop.type(invocations))["predictions"]) == 1
    assert json.loads(shop.type(labels)) == {"accepted": 2, "duplicate": 0, "corrected": 0, "unknown": 0}


def test_closing_the_loop_is_declared_and_watched(shop):
    declared = next(match["text"] for match in BLOCK.finditer(document("getting-started.md")) if "alerts:" in match["text"])
    main = shop.folder / "icecream" / "pitcrew.yaml"
    main.write_text(main.read_text(encoding="utf-8").split("deployments:")[0] + declared, encoding="utf-8")
    changes = shop.json("plan icecream")
    assert not changes["applied"] and any(change["action"] != "unchanged" for change in changes["changes"])
    assert shop.json("apply icecream")["applied"]
    assert all(change["action"] == "unchanged" for change in shop.json("plan icecream")["changes"])


COMMANDS = [
    ("runs", "items"),
    ("runs --pipeline train --state succeeded --limit 1", "items"),
    ("data", "items"),
    ("data ls sales", "items"),
    ("data show sales", "profile"),
    ("data show sales@1", "profile"),
    ("data add sales --dry-run", "version"),
    ("models", "items"),
    ("models show icecream", "items"),
    ("models show icecream/1", "version"),
    ("models history icecream", "items"),
    ("models gates icecream", "items"),
    ("deployments", "items"),
    ("deployments show icecream", "arms"),
    ("deployments releases", "items"),
    ("alerts", "items"),
    ("token", "items"),
    ("gc --dry-run", "objects"),
    ("wait --timeout 60", "at_rest"),
    ("schema", "$schema"),
]


@pytest.mark.parametrize(("command", "field"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_each_command_answers_people_and_programs(shop, command, field):
    assert field in shop.json(command)
    text = shop.type(f"pitcrew {command}")
    assert text.strip() and (not text.startswith("{") or command == "schema")


def test_logs_and_events_come_as_lines(shop):
    newest = shop.json("runs --limit 1")["items"][0]["id"]
    assert "cached" in shop.type(f"pitcrew logs {newest}") or shop.type(f"pitcrew logs -f {newest}") is not None
    lines = [json.loads(line) for line in shop.type("pitcrew --json events --latest 5").splitlines()]
    assert len(lines) == 5 and [each["seq"] for each in lines] == sorted(each["seq"] for each in lines)
    assert len(shop.type("pitcrew events --latest 5").splitlines()) == 5


def test_exit_codes_say_what_kind_of_no_it_is(shop):
    assert shop.type("pitcrew alerts --check") is not None
    broken = shop.folder / "broken"
    broken.mkdir()
    (broken / "pitcrew.yaml").write_text("project: broken\npipelines:\n  fail:\n    steps:\n      fail: { run: 'false' }\n", encoding="utf-8")
    shop.type("pitcrew apply broken")
    shop.type("pitcrew run fail --watch", code=1)
    shop.type("pitcrew run nothing", code=3)
    shop.type("pitcrew models alias icecream/99 champion", code=3)
    shop.type("pitcrew predict icecream --records nonsense", code=2)
    shop.type("pitcrew --url http://127.0.0.1:1 runs", code=6)
    shop.type("pitcrew up --listen 127.0.0.1:0", code=4)
    (broken / "pitcrew.yaml").write_text("project: broken\nnonsense: 1\n", encoding="utf-8")
    shop.type("pitcrew plan broken", code=2)


def test_a_run_is_cancelled_by_hand_and_the_doctor_finds_nothing(shop):
    slow = shop.folder / "slow"
    slow.mkdir()
    (slow / "pitcrew.yaml").write_text("project: slow\npipelines:\n  slow:\n    steps:\n      slow: { run: sleep 600 }\n", encoding="utf-8")
    shop.type("pitcrew apply slow")
    run = shop.json("run slow")["id"]
    shop.type(f"pitcrew cancel {run}")
    wait_for(lambda: shop.json(f"runs {run}")["state"] == "cancelled", 30, "the run is not cancelled")
    findings = shop.json("doctor")
    assert all(finding["fine"] for finding in findings), findings


def test_tokens_and_aliases_by_hand(shop):
    made = shop.json("token create ci --access read --expires-in 1d")
    assert any(token["id"] == made["id"] for token in shop.json("token ls")["items"])
    shop.type(f"pitcrew token revoke {made['id']}")
    shop.type("pitcrew models alias icecream/1 standby --reason 'kept for later'")
    assert "standby" in shop.type("pitcrew models history icecream")
    assert "complete" in shop.type("pitcrew completions bash")
