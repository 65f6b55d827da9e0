"""`/metrics` is what Prometheus reads: promtool finds nothing to complain about, and what happened is counted."""

import re
import subprocess

import requests


def scrape(url):
    """The metrics page."""
    answer = requests.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text


def total(text, name):
    """The sum over all label values of a counter."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))


def test_promtool_accepts_the_page(url):
    for _ in range(3):
        requests.get(f"{url}/healthz", timeout=10)
    page = scrape(url)
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr.strip() == "", checked.stderr


def test_every_metric_carries_the_name_of_the_program(url):
    names = set(re.findall(r"^# TYPE (\S+) ", scrape(url), re.MULTILINE))
    assert names
    assert [name for name in sorted(names) if not name.startswith(("pitcrew_", "process_"))] == []


def test_health_and_readiness(url):
    assert requests.get(f"{url}/healthz", timeout=10).status_code == 200
    assert requests.get(f"{url}/readyz", timeout=10).status_code == 200
