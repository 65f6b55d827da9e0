"""The published `mlflow` client logs, registers, aliases and loads models on the built binary."""

import harness
import lap
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import small_lap
import xgboost
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

# Named requirements spare the client from importing each model in a process of its own to find them out.
PINNED = ["scikit-learn==1.9.1"]


@pytest.fixture(scope="module")
def table():
    """Features and a target that depends on them."""
    random = np.random.default_rng(7)
    features = pd.DataFrame(random.normal(size=(120, 3)), columns=["temp", "hum", "windspeed"])
    return features, features["temp"] * 3 - features["hum"] + 10


def names(items):
    """What items are called, in order."""
    return sorted(item.path for item in items)


def test_autolog_of_scikit_learn(mlflow, client, table):
    features, target = table
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            model = HistGradientBoostingRegressor(max_iter=20, random_state=7).fit(features, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["max_iter"] == "20"
    assert found.data.params["random_state"] == "7"
    assert found.data.metrics["training_score"] == pytest.approx(model.score(features, target))
    assert found.data.tags["estimator_name"] == "HistGradientBoostingRegressor"
    assert [each.dataset.name for each in found.inputs.dataset_inputs] == ["dataset"]
    assert len(found.outputs.model_outputs) == 1
    logged = mlflow.get_logged_model(found.outputs.model_outputs[0].model_id)
    assert logged.status == "READY"
    assert logged.source_run_id == run.info.run_id
    loaded = mlflow.sklearn.load_model(f"models:/{logged.model_id}")
    assert np.array_equal(loaded.predict(features), model.predict(features))


def test_autolog_of_xgboost(mlflow, client, table):
    features, target = table
    train, held_out = xgboost.DMatrix(features[:90], target[:90]), xgboost.DMatrix(features[90:], target[90:])
    mlflow.xgboost.autolog()
    try:
        with mlflow.start_run() as run:
            watched = [(train, "train"), (held_out, "held_out")]
            model = xgboost.train({"max_depth": 2, "seed": 7}, train, num_boost_round=12, evals=watched, verbose_eval=False)
    finally:
        mlflow.xgboost.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert (found.data.params["max_depth"], found.data.params["num_boost_round"]) == ("2", "12")
    history = client.get_metric_history(run.info.run_id, "held_out-rmse")
    assert [point.step for point in history] == list(range(12))
    assert history[-1].value < history[0].value and found.data.metrics["held_out-rmse"] == history[-1].value
    assert "feature_importance_weight.json" in names(client.list_artifacts(run.info.run_id))
    loaded = mlflow.xgboost.load_model(f"models:/{found.outputs.model_outputs[0].model_id}")
    assert np.allclose(loaded.predict(held_out), model.predict(held_out))


def test_log_register_alias_and_load(mlflow, client, table):
    features, target = table
    model = LinearRegression().fit(features, target)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", signature=infer_signature(features, model.predict(features)), input_example=features.head(2))
    version = mlflow.register_model(info.model_uri, "bikes-sklearn", tags={"a": "1"})
    assert (version.name, int(version.version), version.run_id, version.status) == ("bikes-sklearn", 1, run.info.run_id, "READY")
    client.set_registered_model_alias("bikes-sklearn", "champion", 1)
    loaded = mlflow.pyfunc.load_model("models:/bikes-sklearn@champion")
    assert np.allclose(loaded.predict(features), model.predict(features))
    assert loaded.metadata.signature.inputs.input_names() == ["temp", "hum", "windspeed"]
    assert mlflow.models.get_model_info("models:/bikes-sklearn/1").signature is not None


def test_an_onnx_model_goes_round(mlflow, client, table):
    from skl2onnx import to_onnx

    features, target = table
    model = LinearRegression().fit(features.to_numpy(np.float32), target.to_numpy(np.float32))
    onnx_model = to_onnx(model, features.to_numpy(np.float32)[:1])
    with mlflow.start_run():
        info = mlflow.onnx.log_model(onnx_model, name="model", registered_model_name="bikes-onnx", pip_requirements=["onnx==1.23.2", "onnxruntime==1.32.0"])
    assert int(info.registered_model_version) == 1
    client.set_registered_model_alias("bikes-onnx", "champion", 1)
    assert mlflow.onnx.load_model("models:/bikes-onnx@champion").SerializeToString() == onnx_model.SerializeToString()
    predicted = mlflow.pyfunc.load_model("models:/bikes-onnx@champion").predict(features.to_numpy(np.float32))
    (values,) = predicted.values()
    assert np.allclose(values.ravel(), model.predict(features.to_numpy(np.float32)).ravel(), atol=1e-4)


def test_a_model_that_a_pipeline_registered_is_loaded(mlflow, url, is_pitcrew, tmp_path):
    if not is_pitcrew:
        pytest.skip("pipelines are Pitcrew's")
    small_lap.a_champion(harness.Http(url), tmp_path / "project")
    name = f"models:/{lap.NAME}@champion"
    x = np.array([[1.5], [2.0], [2.5]], np.float32)
    expected = lap.SLOPE * x.ravel() + lap.INTERCEPT

    loaded = mlflow.pyfunc.load_model(name)
    for given in (x, {"x": x}, pd.DataFrame({"x": x.ravel()}), pd.DataFrame({"x": x.ravel().astype(np.float64)})):
        predicted = loaded.predict(given)
        assert np.allclose(np.asarray(predicted["y"], float).ravel(), expected, atol=0.5), type(given)
    assert set(loaded.metadata.flavors) == {"onnx", "python_function"}

    exported = mlflow.onnx.load_model(name)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    (answered,) = session.run(["y"], {"x": x})
    assert np.array_equal(answered, predicted_by(loaded, x))
    # The version and its number name the same files.
    assert mlflow.onnx.load_model(f"models:/{lap.NAME}/1").SerializeToString() == exported.SerializeToString()


def predicted_by(model, x):
    return model.predict(x)["y"]


@pytest.fixture
def three(mlflow, client, table, request):
    """A registered model with three versions."""
    features, target = table
    name = f"model-{request.node.name[:60]}"
    with mlflow.start_run():
        for _ in range(3):
            mlflow.sklearn.log_model(LinearRegression().fit(features, target), name="model", registered_model_name=name, pip_requirements=PINNED)
    return name


def test_aliases_move_and_go(client, three):
    client.set_registered_model_alias(three, "champion", 1)
    client.set_registered_model_alias(three, "challenger", 2)
    client.set_registered_model_alias(three, "champion", 3)
    assert int(client.get_model_version_by_alias(three, "champion").version) == 3
    assert {alias: int(version) for alias, version in client.get_registered_model(three).aliases.items()} == {"champion": 3, "challenger": 2}
    client.delete_registered_model_alias(three, "champion")
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias(three, "champion")
    for wrong in ("latest", "v1", "with space"):
        with pytest.raises(MlflowException) as caught:
            client.set_registered_model_alias(three, wrong, 1)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", wrong


def test_versions_are_searched_tagged_and_deleted(client, three):
    assert sorted(int(each.version) for each in client.search_model_versions(f"name = '{three}'")) == [1, 2, 3]
    client.set_model_version_tag(three, "2", "checked", "yes")
    client.update_model_version(three, "2", description="the middle one")
    found = client.get_model_version(three, "2")
    assert (found.tags, found.description) == ({"checked": "yes"}, "the middle one")
    client.set_registered_model_alias(three, "champion", 2)
    client.delete_model_version(three, "2")
    assert sorted(int(each.version) for each in client.search_model_versions(f"name = '{three}'")) == [1, 3]
    assert client.get_registered_model(three).aliases == {}
    with pytest.raises(MlflowException) as caught:
        client.get_model_version(three, "2")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_registered_models_are_named_described_and_found(client):
    client.create_registered_model("shop-window", tags={"kind": "demo"}, description="first words")
    with pytest.raises(MlflowException) as caught:
        client.create_registered_model("shop-window")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.update_registered_model("shop-window", "other words")
    client.set_registered_model_tag("shop-window", "more", "1")
    found = client.get_registered_model("shop-window")
    assert (found.description, found.tags) == ("other words", {"kind": "demo", "more": "1"})
    assert [each.name for each in client.search_registered_models("name LIKE 'shop-%'")] == ["shop-window"]
    client.rename_registered_model("shop-window", "shop-door")
    assert [each.name for each in client.search_registered_models("name LIKE 'shop-%'")] == ["shop-door"]
    client.delete_registered_model("shop-door")
    with pytest.raises(MlflowException) as caught:
        client.get_registered_model("shop-door")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_logged_models_are_found(mlflow, table):
    features, target = table
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(LinearRegression().fit(features, target), name="line", params={"kind": "line"}, pip_requirements=PINNED)
        mlflow.log_metric("mae", 0.5, model_id=info.model_id)
    (found,) = mlflow.search_logged_models(output_format="list")
    assert (found.name, found.model_id, found.params) == ("line", info.model_id, {"kind": "line"})
    assert [(metric.key, metric.value) for metric in found.metrics] == [("mae", 0.5)]
    assert found.source_run_id == run.info.run_id
