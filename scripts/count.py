#!/usr/bin/env python3
"""Reads a test runner's log and prints `passed failed skipped`.

usage: count.py RUNNER LOG EXIT_STATUS

The exit status has the last word: a runner that failed without counting a failure counts as one failed check, and one that
passed without running anything as one failed check too, since a stage of tests that runs no test proves nothing.
"""

import re
import sys

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def number(pattern, text):
    """The number that `pattern` captures, or 0."""
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def nextest(text):
    """`Summary [ 1.2s] 33 tests run: 32 passed (1 slow), 1 failed, 2 skipped`, or cargo test's `test result:` lines."""
    summaries = re.findall(r"^\s*Summary \[.*?\] (.*)$", text, re.MULTILINE)
    if summaries:
        last = summaries[-1]
        failed = number(r"(\d+) failed", last) + number(r"(\d+) timed out", last)
        return number(r"(\d+) passed", last), failed, number(r"(\d+) skipped", last)
    lines = re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", text, re.MULTILINE)
    return tuple(sum(int(line[column]) for line in lines) for column in range(3))


def vitest(text):
    """`      Tests  1 failed | 11 passed | 1 skipped (13)`."""
    lines = re.findall(r"^\s*Tests\s+(.*\(\d+\).*)$", text, re.MULTILINE)
    last = lines[-1] if lines else ""
    return number(r"(\d+) passed", last), number(r"(\d+) failed", last), number(r"(\d+) (?:skipped|todo)", last)


def playwright(text):
    """`  1 failed`, `  2 skipped`, `  9 passed (12.3s)`, each on a line of its own; a flaky test passed in the end."""
    passed = number(r"(?m)^\s*(\d+) passed\b", text) + number(r"(?m)^\s*(\d+) flaky\b", text)
    skipped = number(r"(?m)^\s*(\d+) skipped\b", text) + number(r"(?m)^\s*(\d+) did not run\b", text)
    return passed, number(r"(?m)^\s*(\d+) failed\b", text), skipped


def pytest(text):
    """`===== 1 failed, 12 passed, 1 skipped in 3.21s =====`, with or without the frame."""
    lines = re.findall(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+) in [\d.]+s", text, re.MULTILINE)
    last = lines[-1] if lines else ""
    failed = number(r"(\d+) failed", last) + number(r"(\d+) error", last)
    skipped = number(r"(\d+) skipped", last) + number(r"(\d+) xfailed", last)
    return number(r"(\d+) passed", last), failed, skipped


def plain(text):
    """`12 passed, 0 failed` alone on a line, perhaps with `, 1 skipped`."""
    lines = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.MULTILINE)
    return tuple(int(value or 0) for value in lines[-1]) if lines else (0, 0, 0)


def whole(_text):
    """One check, decided by the exit status alone."""
    return 0, 0, 0


RUNNERS = {"nextest": nextest, "vitest": vitest, "playwright": playwright, "pytest": pytest, "plain": plain, "whole": whole}


def count(runner, text, status):
    """`(passed, failed, skipped)` of a log, made consistent with the exit status."""
    passed, failed, skipped = RUNNERS[runner](ANSI.sub("", text))
    if runner == "whole":
        return (1, 0, 0) if status == 0 else (0, 1, 0)
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1
    return passed, failed, skipped


def main(arguments):
    runner, log, status = arguments
    with open(log, encoding="utf-8", errors="replace") as file:
        print(*count(runner, file.read(), int(status)))


if __name__ == "__main__":
    main(sys.argv[1:])
