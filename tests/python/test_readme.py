"""Every command of README.md runs, in order, in one shell, against the built binary.

Each fenced `sh` block follows a comment that says what happens to it:

    <!-- run -->                          runs in a temporary folder
    <!-- run in the repository, EXIT=1 --> runs at the repository's root with EXIT=1 set
    <!-- skip: why -->                    does not run, for the reason given

A block without such a comment fails the test: nothing in the README is untested by accident.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from harness import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
LIMIT_S = 600
BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^>]*) -->\n+)?```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"run(?: in (?P<where>the repository))?(?P<settings>(?:, [A-Z_]+=\S+)*)$")


@dataclasses.dataclass
class Block:
    """A fenced block and what its comment asks for."""

    line: int
    commands: str
    skipped: str | None
    in_repository: bool
    settings: dict


def blocks(text):
    """The `sh` blocks of a Markdown text; raises `ValueError` with the line of a block whose comment is missing or unclear."""
    found = []
    for match in BLOCK.finditer(text):
        line = text[: match.start("commands")].count("\n") + 1
        mark = (match["mark"] or "").strip()
        if mark.startswith("skip: "):
            found.append(Block(line, match["commands"], mark[6:], False, {}))
            continue
        asked = MARK.match(mark)
        if not asked:
            raise ValueError(f"README.md:{line}: say `<!-- run -->` or `<!-- skip: why -->` before this block")
        settings = dict(pair.split("=", 1) for pair in asked["settings"].split(", ") if pair)
        found.append(Block(line, match["commands"], None, bool(asked["where"]), settings))
    return found


def script(wanted, folder):
    """One bash script of all blocks, which says which line of the README it is at."""
    parts = ["set -euo pipefail", f"here={folder}"]
    for block in wanted:
        where = ROOT if block.in_repository else '"$here"'
        exports = "".join(f"export {name}={value}; " for name, value in block.settings.items())
        unset = "".join(f"unset {name}; " for name in block.settings)
        parts.append(f"echo '--- README.md:{block.line}'\n{exports}cd {where}\n{block.commands}\n{unset}")
        if not block.in_repository:
            # The next block goes on where this one left off.
            parts.append("here=$PWD")
    return "\n".join(parts)


def test_every_command_of_the_readme_works(binary, tmp_path):
    wanted = [block for block in blocks(README.read_text(encoding="utf-8")) if block.skipped is None]
    assert wanted, "README.md has no block to run"
    (tmp_path / "bin").mkdir()
    port = free_port()
    # The README says the default address, which the test cannot know to be free.
    wrapper = tmp_path / "bin" / "pitcrew"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" != up ] || {{ shift; exec {binary} up --listen 127.0.0.1:{port} "$@"; }}\nexec {binary} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    folder = tmp_path / "reader"
    folder.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PITCREW_BIN": binary,
        "PITCREW_HOME": str(tmp_path / "home"),
        "FOLDER": str(tmp_path / "demo-home"),
        "LISTEN": f"127.0.0.1:{free_port()}",
        "PITCREW_URL": f"http://127.0.0.1:{port}",
    }
    process = subprocess.Popen(
        ["bash", "-c", script(wanted, folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"the README's commands did not end in {LIMIT_S} s:\n{output[-4000:]}")
    finally:
        # What a block started with `&` ends with the test.
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shutil.rmtree(tmp_path / "demo-home", ignore_errors=True)
    assert process.returncode == 0, output[-4000:]


def test_blocks_are_read_with_their_comments():
    text = "# A\n\n<!-- run -->\n```sh\none\n```\n\n<!-- run in the repository, EXIT=1, SEED=2 -->\n\n```sh\ntwo\n```\n<!-- skip: needs a city -->\n```sh\nthree\n```\n```python\nx\n```\n"
    one, two, three = blocks(text)
    assert (one.commands, one.in_repository, one.settings, one.line) == ("one\n", False, {}, 5)
    assert (two.commands, two.in_repository, two.settings) == ("two\n", True, {"EXIT": "1", "SEED": "2"})
    assert three.skipped == "needs a city"


def test_a_block_without_a_comment_is_an_error():
    with pytest.raises(ValueError, match="README.md:2"):
        blocks("```sh\none\n```\n")
    with pytest.raises(ValueError, match="run"):
        blocks("<!-- perhaps -->\n```sh\none\n```\n")
