"""Experiments full of runs for `search.py`: by HTTP, or as the rows that HTTP would have written.

A run has ten metrics with a point each, ten params and five tags; every value is computed from the number of the run alone, so that both
servers and both databases hold the same.
"""

import concurrent.futures
import contextlib
import sqlite3
import subprocess

from harness import Http

API = "/api/2.0/mlflow"
METRICS = ["auc", "loss", *(f"metric_{n}" for n in range(2, 10))]
PARAMS = ["model", *(f"param_{n}" for n in range(1, 10))]
TAGS = ["team", *(f"tag_{n}" for n in range(1, 5))]
MODELS = ["xgb", "lgbm", "forest", "linear"]
START_MS = 1_700_000_000_000
HTTP_CLIENTS = 8
SPREAD = 100_003


def metric(n, run):
    return (run * (7919 + 104 * n) + n) % SPREAD / SPREAD


def param(n, run):
    return MODELS[run % 4] if n == 0 else f"v{run * (n + 3) % 97}"


def tag(n, run):
    return f"t{run * (n + 5) % 53}"


def new_experiment(url, name):
    return Http(url).call("POST", f"{API}/experiments/create", {"name": name})["experiment_id"]


def by_http(url, experiment, runs):
    """`runs/create` and one `log-batch` a run, from a few clients at once."""

    def some(first):
        connection = Http(url)
        for run in range(first, runs + 1, HTTP_CLIENTS):
            start = {"experiment_id": experiment, "run_name": f"run {run}", "start_time": START_MS + run * 1000, "user_id": "bench"}
            made = connection.call("POST", f"{API}/runs/create", start)["run"]["info"]["run_id"]
            batch = {
                "run_id": made,
                "metrics": [{"key": key, "value": metric(n, run), "timestamp": START_MS, "step": 1} for n, key in enumerate(METRICS)],
                "params": [{"key": key, "value": param(n, run)} for n, key in enumerate(PARAMS)],
                "tags": [{"key": key, "value": tag(n, run)} for n, key in enumerate(TAGS)],
            }
            connection.call("POST", f"{API}/runs/log-batch", batch)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(HTTP_CLIENTS) as pool:
        list(pool.map(some, range(1, HTTP_CLIENTS + 1)))


def numbers(runs):
    return f"WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {runs})"


def sql_metric(n):
    return f"((i * {7919 + 104 * n} + {n}) % {SPREAD}) / {SPREAD}.0"


def sql_param(n):
    if n == 0:
        cases = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(MODELS))
        return f"CASE i % 4 {cases} END"
    return f"'v' || (i * {n + 3} % 97)"


def sql_tag(n):
    return f"'t' || (i * {n + 5} % 53)"


def ours(experiment, runs):
    """The rows of `runs` runs in Pitcrew's tables."""
    begin = "(SELECT value FROM tracking_counters WHERE name = 'run')"
    every, number = numbers(runs), f"{begin} + i"
    run_id = f"'{int(experiment):022d}' || (1000000000 + i)"
    yield (
        "INSERT INTO tracking_runs (run_no, run_id, experiment_id, name, user_id, status, lifecycle, start_ms, artifact_uri) "
        f"{every} SELECT {number}, {run_id}, {experiment}, 'run ' || i, 'bench', 'RUNNING', 'active', {START_MS} + i * 1000, "
        f"'mlflow-artifacts:/{experiment}/' || {run_id} || '/artifacts' FROM n"
    )
    for n, key in enumerate(METRICS):
        values = f"'{key}', 1, {START_MS}, {sql_metric(n)}, 0 FROM n"
        yield f"INSERT INTO tracking_points (run_no, key, step, at_ms, value, nan) {every} SELECT {number}, {values}"
        yield f"INSERT INTO tracking_latest (run_no, experiment_id, key, step, at_ms, value, nan) {every} SELECT {number}, {experiment}, {values}"
    texts = [("params", key, sql_param(n)) for n, key in enumerate(PARAMS)]
    texts += [("tags", key, sql_tag(n)) for n, key in enumerate(TAGS)] + [("tags", "mlflow.runName", "'run ' || i")]
    for table, key, value in texts:
        yield f"INSERT INTO tracking_{table} (run_no, experiment_id, key, value) {every} SELECT {number}, {experiment}, '{key}', {value} FROM n"
    yield f"UPDATE tracking_counters SET value = value + {runs} WHERE name = 'run'"


def peers(experiment, runs):
    """The same in the tables of `mlflow server`."""
    every, run_id = numbers(runs), f"'{int(experiment):022d}' || (1000000000 + i)"
    yield (
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, source_version, lifecycle_stage, "
        f"artifact_uri, experiment_id) {every} SELECT {run_id}, 'run ' || i, 'UNKNOWN', '', '', 'bench', 'RUNNING', {START_MS} + i * 1000, '', 'active', "
        f"'mlflow-artifacts:/{experiment}/' || {run_id} || '/artifacts', {experiment} FROM n"
    )
    for n, key in enumerate(METRICS):
        for table in ("metrics", "latest_metrics"):
            values = f"'{key}', {sql_metric(n)}, {START_MS}, 1, 0, {run_id} FROM n"
            yield f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) {every} SELECT {values}"
    texts = [("params", key, sql_param(n)) for n, key in enumerate(PARAMS)]
    texts += [("tags", key, sql_tag(n)) for n, key in enumerate(TAGS)] + [("tags", "mlflow.runName", "'run ' || i")]
    for table, key, value in texts:
        yield f"INSERT INTO {table} (key, value, run_uuid) {every} SELECT '{key}', {value}, {run_id} FROM n"


def into_sqlite(path, statements):
    """Writes into the file of a server that does nothing meanwhile."""
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as database, database:
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def into_postgres(url, statements):
    """Writes through `psql`, then collects the statistics that PostgreSQL would collect by itself within minutes."""
    script = "".join(f"{statement};\n" for statement in ["BEGIN", *statements, "COMMIT", "VACUUM ANALYZE"])
    command = ["psql", "--quiet", "--dbname", url, "--set", "ON_ERROR_STOP=1"]
    subprocess.run(command, input=script, text=True, check=True, stdout=subprocess.DEVNULL)
