"""The command line as scripts use it: pipes that close, JSON on both channels, exit codes."""

import json
import subprocess

LIMIT_S = 30


def test_a_reader_that_has_seen_enough_is_no_failure(binary, url):
    command = [binary, "completions", "bash"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(LIMIT_S) == 0
    assert said == ""


def test_a_result_that_cannot_be_written_is_told(binary):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([binary, "schema"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    assert ended.returncode == 6
    assert "cannot be written" in ended.stderr and "panicked" not in ended.stderr


def test_what_is_no_command_is_told_as_asked(binary):
    plain = subprocess.run([binary, "runs", "--limt", "3"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert plain.returncode == 2 and "--limit" in plain.stderr
    machine = subprocess.run([binary, "--json", "runs", "--limt", "3"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert machine.returncode == 2 and json.loads(machine.stderr)["error"]["code"] == "USAGE_INVALID"


def test_errors_carry_the_code_of_the_server(binary, url):
    command = [binary, "--url", url, "--json", "runs", "run_00000000000000000000000000"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    error = json.loads(ended.stderr)["error"]
    assert error["code"] == "PIPELINE_RUN_NOT_FOUND" and "[" not in error["detail"]
