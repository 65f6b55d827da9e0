"""The published `mlflow` client logs, reads and searches runs on the built binary."""

import concurrent.futures
import math
import time

import numpy as np
import pytest
import requests
from harness import Http
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def test_the_server_says_a_version_the_client_accepts(url):
    version = requests.get(f"{url}/version", timeout=10).text
    assert tuple(int(part) for part in version.split(".")[:2]) >= (3, 4)
    assert requests.get(f"{url}/health", timeout=10).text == "OK"
    info = requests.get(f"{url}/api/3.0/mlflow/server-info", timeout=10).json()
    assert info["workspaces_enabled"] is False


def test_params_metrics_and_tags_come_back_as_logged(mlflow, client, experiment):
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_param("depth", 5)
        mlflow.log_params({"rate": 0.1, "kind": "gradient boosting"})
        mlflow.log_metric("loss", 0.5, step=0)
        mlflow.log_metric("loss", 0.25, step=1)
        mlflow.log_metrics({"mae": 21.5, "rmse": 30.25}, step=3)
        mlflow.set_tag("team", "bikes")
        mlflow.set_tags({"stage/of work": "try", "größe": "äöü"})
    found = client.get_run(run.info.run_id)
    assert found.info.experiment_id == experiment
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time
    assert found.data.params == {"depth": "5", "rate": "0.1", "kind": "gradient boosting"}
    assert found.data.metrics == {"loss": 0.25, "mae": 21.5, "rmse": 30.25}
    assert found.data.tags["team"] == "bikes"
    assert found.data.tags["stage/of work"] == "try"
    assert found.data.tags["größe"] == "äöü"
    assert found.data.tags["mlflow.runName"] == "first"


def test_a_metric_keeps_its_history(mlflow, client):
    with mlflow.start_run() as run:
        for step in range(250):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == list(range(250))
    assert history[-1].value == 1 / 250
    assert client.get_metric_history(run.info.run_id, "nothing") == []


def test_the_latest_value_is_that_of_the_greatest_step(mlflow, client):
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 9.0, step=10)
        mlflow.log_metric("m", 1.0, step=2)
    assert client.get_run(run.info.run_id).data.metrics["m"] == 9.0


def test_not_a_number_and_infinity_survive(mlflow, client, is_pitcrew):
    with mlflow.start_run() as run:
        mlflow.log_metric("nan", math.nan)
        mlflow.log_metric("up", math.inf)
        mlflow.log_metric("down", -math.inf)
    metrics = client.get_run(run.info.run_id).data.metrics
    assert math.isnan(metrics["nan"])
    if is_pitcrew:
        assert metrics["up"] == math.inf
        assert metrics["down"] == -math.inf


def test_a_param_never_changes(mlflow):
    with mlflow.start_run():
        mlflow.log_param("depth", 5)
        mlflow.log_param("depth", 5)
        with pytest.raises(MlflowException, match="Changing param values is not allowed"):
            mlflow.log_param("depth", 6)


def test_a_batch_is_one_call(mlflow, client):
    with mlflow.start_run() as run:
        now = int(time.time() * 1000)
        metrics = [Metric(f"m{key}", float(step), now, step) for key in range(5) for step in range(100)]
        client.log_batch(run.info.run_id, metrics, [Param("a", "1"), Param("b", "2")], [RunTag("t", "x")])
    data = client.get_run(run.info.run_id).data
    assert data.metrics == {f"m{key}": 99.0 for key in range(5)}
    assert data.params == {"a": "1", "b": "2"}
    assert data.tags["t"] == "x"


def test_a_batch_over_the_limit_is_refused(mlflow, url):
    with mlflow.start_run() as run:
        pass
    metrics = [{"key": "m", "value": step, "timestamp": 1, "step": step} for step in range(1001)]
    answer = requests.post(f"{url}/api/2.0/mlflow/runs/log-batch", json={"run_id": run.info.run_id, "metrics": metrics}, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_runs_nest(mlflow, client, experiment):
    with mlflow.start_run(run_name="parent") as parent:
        for name in ("one", "two"):
            with mlflow.start_run(run_name=name, nested=True):
                mlflow.log_metric("m", 1)
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["attributes.run_name ASC"])
    assert [child.info.run_name for child in children] == ["one", "two"]


def test_a_run_that_raises_has_failed(mlflow, client):
    with pytest.raises(ValueError, match="boom"), mlflow.start_run() as run:
        raise ValueError("boom")
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_without_a_name_gets_one(mlflow):
    with mlflow.start_run() as run:
        pass
    adjective, animal, number = run.info.run_name.split("-")
    assert adjective and animal and int(number) >= 0


def test_artifacts_are_stored_listed_and_read_back(mlflow, client, tmp_path):
    large = bytes(range(256)) * 12_000
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "large.bin").write_bytes(large)
    (tmp_path / "folder" / "a b.txt").write_text("with a space", encoding="utf-8")
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
        mlflow.log_artifacts(str(tmp_path / "folder"), "folder")
    run_id = run.info.run_id
    assert sorted((item.path, item.is_dir) for item in client.list_artifacts(run_id)) == [("config.json", False), ("folder", True), ("notes", True)]
    deep = client.list_artifacts(run_id, "folder/deep")
    assert [(item.path, item.file_size) for item in deep] == [("folder/deep/large.bin", len(large))]
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json") == {"a": [1, 2]}
    local = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/folder", dst_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / "folder" / "deep" / "large.bin").read_bytes() == large
    assert (tmp_path / "back" / "folder" / "a b.txt").read_text(encoding="utf-8") == "with a space"
    assert local.rstrip("/").endswith("folder")


def test_an_artifact_path_cannot_climb(mlflow, url):
    with mlflow.start_run() as run:
        base = run.info.artifact_uri.split(":/", 1)[1].strip("/")
    for climb in ("../secret", "..%2Fsecret", "%2e%2e/secret", "a/../../secret"):
        # Not through `requests`, which tidies the path before it is sent.
        status, _ = Http(url).raw("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{base}/{climb}", b"x")
        assert 400 <= status < 500, climb


@pytest.fixture
def many(mlflow, experiment):
    """Six runs that differ in everything one can search for."""
    ids = []
    for at in range(6):
        with mlflow.start_run(run_name=f"run-{at}", tags={"parity": "even" if at % 2 == 0 else "odd", "Owner": "Ana" if at < 3 else "bo"}) as run:
            mlflow.log_metric("score", at / 10)
            mlflow.log_param("kind", ["tree", "Forest", "linear"][at % 3])
            if at == 5:
                mlflow.log_metric("extra", 1)
            if at % 4 == 0:
                hours = mlflow.data.from_numpy(np.arange(24), name="hours")
                mlflow.log_input(hours, context="training" if at == 0 else "eval")
        ids.append(run.info.run_id)
    return ids


@pytest.mark.parametrize(
    ("filter_string", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("metrics.score > 0.3", [4, 5]),
        ("metrics.score >= 0.3", [3, 4, 5]),
        ("metrics.score < 0.1", [0]),
        ("metrics.score <= 0.1", [0, 1]),
        ("metrics.score = 0.2", [2]),
        ("metrics.score != 0.2", [0, 1, 3, 4, 5]),
        ("metrics.extra > 0", [5]),
        ("params.kind = 'tree'", [0, 3]),
        ("params.kind != 'tree'", [1, 2, 4, 5]),
        ("params.kind LIKE '%e%'", [0, 1, 2, 3, 4, 5]),
        ("params.kind LIKE 'f%'", []),
        ("params.kind ILIKE 'f%'", [1, 4]),
        ("tags.parity = 'odd'", [1, 3, 5]),
        ("tags.Owner ILIKE 'a%' AND metrics.score > 0.1", [2]),
        ("tag.parity = 'even' and param.kind = 'linear'", [2]),
        ("attributes.run_name = 'run-4'", [4]),
        ("attributes.run_name LIKE 'run-%'", [0, 1, 2, 3, 4, 5]),
        ("attributes.status = 'FINISHED'", [0, 1, 2, 3, 4, 5]),
        ("attributes.status = 'FAILED'", []),
        ("attributes.start_time > 0", [0, 1, 2, 3, 4, 5]),
        ("metrics.`score` = 0.2 AND tags.\"parity\" = 'even'", [2]),
        ("tags.parity != 'odd'", [0, 2, 4]),
        ("tags.parity LIKE 'o%'", [1, 3, 5]),
        ("tags.parity IS NULL", []),
        ("tags.parity IS NOT NULL", [0, 1, 2, 3, 4, 5]),
        ("params.kind IS NOT NULL AND params.other IS NULL", [0, 1, 2, 3, 4, 5]),
        ("attributes.run_name != 'run-4'", [0, 1, 2, 3, 5]),
        ("attributes.run_name ILIKE 'RUN-5'", [5]),
        ("attributes.status != 'FINISHED'", []),
        ("attributes.end_time >= 0 AND attributes.start_time != 1", [0, 1, 2, 3, 4, 5]),
        ("attributes.start_time < 1", []),
        ("attributes.artifact_uri LIKE '%artifacts'", [0, 1, 2, 3, 4, 5]),
        ("attributes.user_id != ''", [0, 1, 2, 3, 4, 5]),
        ("datasets.name = 'hours'", [0, 4]),
        ("datasets.name != 'hours'", []),
        ("dataset.name LIKE 'h%' AND metrics.score > 0.1", [4]),
        ("datasets.name ILIKE 'HOURS'", [0, 4]),
        ("datasets.name IN ('hours', 'days')", [0, 4]),
        ("datasets.name NOT IN ('days')", [0, 4]),
        ("dataset.context = 'eval'", [4]),
        ("dataset.digest LIKE '%'", [0, 4]),
    ],
)  # fmt: skip
def test_search_finds(client, experiment, many, filter_string, expected):
    found = client.search_runs([experiment], filter_string, order_by=["metrics.score ASC"])
    assert [many.index(run.info.run_id) for run in found] == expected


def test_search_by_several_ids(client, experiment, many):
    found = client.search_runs([experiment], f"attributes.run_id IN ('{many[1]}', '{many[3]}')", order_by=["metrics.score DESC"])
    assert [run.info.run_id for run in found] == [many[3], many[1]]


def test_search_by_all_ids_but_one(client, experiment, many):
    found = client.search_runs([experiment], f"attributes.run_id NOT IN ('{many[1]}') AND metrics.score < 0.3", order_by=["metrics.score"])
    assert [many.index(run.info.run_id) for run in found] == [0, 2]


def test_search_orders_and_pages(client, experiment, many):
    pages, token = [], None
    while True:
        page = client.search_runs([experiment], order_by=["params.kind ASC", "metrics.score DESC"], max_results=4, page_token=token)
        pages.append([many.index(run.info.run_id) for run in page])
        token = page.token
        if not token:
            break
    # Upper-case letters come before lower-case ones.
    assert [at for page in pages for at in page] == [4, 1, 5, 2, 3, 0]
    assert len(pages[0]) == 4


def test_runs_without_the_metric_come_last(client, experiment, many):
    found = client.search_runs([experiment], order_by=["metrics.extra DESC", "attributes.run_name ASC"])
    assert [many.index(run.info.run_id) for run in found] == [5, 0, 1, 2, 3, 4]


def test_a_wrong_filter_says_so(client, experiment):
    for wrong in ("metrics.score >", "params.kind > 5", "nonsense.a = 1", "metrics.score = 'text'"):
        with pytest.raises(MlflowException) as caught:
            client.search_runs([experiment], wrong)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", wrong


def test_search_as_a_table(mlflow, many):
    table = mlflow.search_runs(filter_string="metrics.score >= 0.4", order_by=["metrics.score DESC"])
    assert list(table["metrics.score"]) == [0.5, 0.4]
    assert list(table["params.kind"]) == ["linear", "Forest"]


def test_a_deleted_run_is_hidden_and_comes_back(mlflow, client, experiment):
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1)
    client.delete_run(run.info.run_id)
    assert client.search_runs([experiment]) == []
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    assert [found.info.run_id for found in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)] == [run.info.run_id]
    with pytest.raises(MlflowException):
        client.log_metric(run.info.run_id, "m", 2)
    client.restore_run(run.info.run_id)
    assert [found.info.run_id for found in client.search_runs([experiment])] == [run.info.run_id]


def test_an_unknown_run_does_not_exist(client):
    with pytest.raises(MlflowException) as caught:
        client.get_run("0" * 32)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_experiments_live_and_die(mlflow, client):
    name = "experiments-live"
    first = client.create_experiment(name, tags={"a": "1"})
    with pytest.raises(MlflowException) as caught:
        client.create_experiment(name)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.set_experiment_tag(first, "b", "2")
    found = client.get_experiment(first)
    assert (found.name, found.tags["a"], found.tags["b"]) == (name, "1", "2")
    client.rename_experiment(first, "experiments-renamed")
    assert client.get_experiment_by_name("experiments-renamed").experiment_id == first
    assert client.get_experiment_by_name(name) is None
    names = [each.name for each in client.search_experiments(filter_string="name LIKE 'experiments-%'")]
    assert names == ["experiments-renamed"]
    client.delete_experiment(first)
    assert client.get_experiment(first).lifecycle_stage == "deleted"
    client.restore_experiment(first)
    assert client.get_experiment(first).lifecycle_stage == "active"


def test_a_data_set_is_an_input_of_a_run(mlflow, client):
    import pandas as pd

    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2, 3]}), source="data/bikes.csv", name="bikes")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert [(each.dataset.name, each.dataset.digest) for each in inputs] == [("bikes", data.digest)]
    assert [(tag.key, tag.value) for tag in inputs[0].tags] == [("mlflow.data.context", "training")]


def test_many_clients_at_once_lose_nothing(mlflow, client, experiment):
    def one(worker):
        run = client.create_run(experiment, run_name=f"worker-{worker}")
        for step in range(25):
            client.log_metric(run.info.run_id, "m", step, step=step)
        client.set_terminated(run.info.run_id)
        return run.info.run_id

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(one, range(8)))
    for run_id in runs:
        assert [point.value for point in client.get_metric_history(run_id, "m")] == [float(step) for step in range(25)]
