"""Every `pitcrew ...` command that the documents name exists, with the flags they name."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMAND = re.compile(r"`pitcrew ([^`]+)`")
SUBCOMMAND = re.compile(r"[a-z][a-z-]*$")


def commands():
    """`(where, words)` of every command in backticks."""
    for document in DOCUMENTS:
        for match in COMMAND.finditer(document.read_text(encoding="utf-8")):
            yield document.relative_to(ROOT), match[1].split()


def help_of(binary, words):
    """The help of the longest beginning of `words` that is a subcommand, and how many words that took; `None` when not even the first is."""
    taken, text = 0, None
    for length in range(1, len(words) + 1):
        if not SUBCOMMAND.match(words[length - 1]):
            break
        shown = subprocess.run([binary, *words[:length], "--help"], capture_output=True, text=True, check=False)
        if shown.returncode != 0 or f"pitcrew {' '.join(words[:length])}" not in shown.stdout:
            break
        taken, text = length, shown.stdout
    return taken, text


def test_every_command_named_exists(binary):
    wrong = []
    for where, words in commands():
        if words[0].startswith("-"):
            continue
        taken, text = help_of(binary, words)
        if text is None:
            wrong.append(f"{where}: `pitcrew {' '.join(words)}`: there is no `{words[0]}`")
            continue
        if "Commands:" in text and taken < len(words) and SUBCOMMAND.match(words[taken]):
            wrong.append(f"{where}: `pitcrew {' '.join(words)}`: `{' '.join(words[:taken])}` has no `{words[taken]}`")
        wrong += [f"{where}: `pitcrew {' '.join(words)}`: no flag `{word}`" for word in words[taken:] if word.startswith("--") and word not in text]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    broken = []
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        if "://" not in target and not (document.parent / target).exists():
            broken.append(target)
    assert broken == []
