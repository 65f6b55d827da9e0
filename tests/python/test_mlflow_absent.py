"""What the published client does with parts of MLflow that are not here."""

import logging

import numpy as np
import pytest
import requests
from mlflow.exceptions import MlflowException
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV


@pytest.fixture(autouse=True)
def only_here(is_pitcrew):
    if not is_pitcrew:
        pytest.skip("MLflow has these parts")


def test_parts_that_are_not_here_say_so(mlflow):
    import mlflow.genai.datasets
    from mlflow.genai.scorers import list_scorers

    for asked in (lambda: list_scorers(), lambda: mlflow.genai.datasets.search_datasets(), lambda: mlflow.MlflowClient().list_workspaces()):
        with pytest.raises(MlflowException) as caught:
            asked()
        assert caught.value.error_code in ("NOT_IMPLEMENTED", "FEATURE_DISABLED"), caught.value


def test_another_workspace_is_refused(url, client, experiment, monkeypatch):
    asked = {"url": f"{url}/api/2.0/mlflow/experiments/get", "params": {"experiment_id": experiment}, "timeout": 10}
    refused = requests.get(**asked, headers={"X-MLFLOW-WORKSPACE": "team-a"})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "FEATURE_DISABLED")
    assert requests.get(**asked, headers={"X-MLFLOW-WORKSPACE": "default"}).status_code == 200
    # The client reads of it in the description of the server, and does not even ask.
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-a")
    with pytest.raises(MlflowException, match="does not support workspaces"):
        client.get_experiment(experiment)


def test_tracing_and_autologging_warn_of_nothing(mlflow, client, experiment, caplog):
    """Runs of a search nest below it; nothing that the client tries by itself meets a part that is missing."""
    mlflow.sklearn.autolog(log_models=False)
    try:
        with caplog.at_level(logging.WARNING, logger="mlflow"), mlflow.start_run() as parent:
            GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=2).fit(np.array([[at, at % 3] for at in range(20)]), np.arange(20))
            with mlflow.start_span("step") as span:
                span.set_outputs(1)
        mlflow.flush_trace_async_logging()
    finally:
        mlflow.sklearn.autolog(disable=True)
    said = [record.getMessage() for record in caplog.records if "NOT_IMPLEMENTED" in record.getMessage() or "does not have" in record.getMessage()]
    assert said == []
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert sorted(run.data.params["alpha"] for run in children) == ["0.1", "1.0", "10.0"]
    assert all(run.info.status == "FINISHED" for run in children)
