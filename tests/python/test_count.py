"""The sums of `make test` are right for each runner, and nothing that ran no test counts as passed."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from count import count  # noqa: E402


@pytest.mark.parametrize(
    ("runner", "log", "status", "expected"),
    [
        ("nextest", "     Summary [   0.221s] 33 tests run: 33 passed, 2 skipped\n", 0, (33, 0, 2)),
        ("nextest", "     Summary [   1.2s] 35 tests run: 30 passed (1 slow), 4 failed, 1 timed out, 0 skipped\n", 100, (30, 5, 0)),
        ("nextest", "\x1b[32m     Summary\x1b[0m [ 1.2s] 3 tests run: \x1b[1m3\x1b[0m passed, 0 skipped\n", 0, (3, 0, 0)),
        ("nextest", "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0\n", 101, (7, 1, 1)),
        ("vitest", " Test Files  2 passed (2)\n      Tests  1 failed | 11 passed | 1 skipped (13)\n", 1, (11, 1, 1)),
        ("playwright", "  1 failed\n    [x] a.spec.ts:3 one\n  2 skipped\n  9 passed (12.3s)\n", 1, (9, 1, 2)),
        ("pytest", "........\n===== 1 failed, 12 passed, 1 skipped in 3.21s =====\n", 1, (12, 1, 1)),
        ("pytest", "12 passed, 3 warnings in 3.21s\n", 0, (12, 0, 0)),
        ("pytest", "1 passed, 2 errors in 63.21s (0:01:03)\n", 1, (1, 2, 0)),
        ("plain", "a line\n8 passed, 0 failed\n", 0, (8, 0, 0)),
        ("whole", "", 0, (1, 0, 0)),
        ("whole", "", 2, (0, 1, 0)),
        ("nextest", "error: could not compile\n", 101, (0, 1, 0)),
        ("pytest", "no tests ran in 0.01s\n", 5, (0, 1, 0)),
        ("playwright", "nothing\n", 0, (0, 1, 0)),
    ],
)  # fmt: skip
def test_counts(runner, log, status, expected):
    assert count(runner, log, status) == expected
