"""Train the model, log the run to MLflow, write it as ONNX."""

import json
import os
import time
from pathlib import Path

# The table is small: more threads would only wait for each other. OpenMP reads this when it is loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import mlflow
import numpy as np
import onnx
import pandas as pd
from mlflow.entities import Metric
from sklearn.ensemble import HistGradientBoostingRegressor

from export import to_onnx

TRAIN = Path(os.environ["PITCREW_INPUT_TRAIN"])
OUTPUT = Path(os.environ["PITCREW_OUTPUT_DIR"])
PARAMS = json.loads(Path(os.environ["PITCREW_PARAMS"]).read_text())

TARGET = "cnt"
NOT_FEATURES = ["ts", "weight", TARGET]
MODEL = dict(max_iter=200, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=8)
RECENT_DAYS = 28


def design(rows: pd.DataFrame, features: list[str]) -> np.ndarray:
    """The features and the age of each row in days.

    The age lets the trees tell one time from another, e.g. before and after new stations open. The exported
    model always asks with age 0: what happens in this weather, at this hour, in the world as it is now?
    """
    age_days = (rows["ts"].max() - rows["ts"]) / pd.Timedelta(days=1)
    return np.column_stack([rows[features], age_days]).astype(np.float32)


def log_curve(model: HistGradientBoostingRegressor, x: np.ndarray, rows: pd.DataFrame) -> None:
    """Log the error on the latest training rows after each boosting iteration, in one request."""
    latest = (rows["ts"] > rows["ts"].max() - pd.Timedelta(days=RECENT_DAYS)).to_numpy()
    actual = rows[TARGET].to_numpy()[latest]
    now = int(time.time() * 1000)
    curve = []
    for step, logarithm in enumerate(model.staged_predict(x[latest])):
        error = np.abs(np.expm1(logarithm) - actual)
        curve.append(Metric("recent_mae", error.mean(), now, step))
        curve.append(Metric("recent_wape", error.sum() / max(actual.sum(), 1), now, step))
    mlflow.MlflowClient().log_batch(mlflow.active_run().info.run_id, metrics=curve)


def main() -> None:
    rows = pd.read_parquet(TRAIN)
    features = [column for column in rows.columns if column not in NOT_FEATURES]
    x, y = design(rows, features), np.log1p(rows[TARGET].to_numpy())

    with mlflow.start_run():
        mlflow.log_params({**MODEL, **PARAMS, "rows": len(rows), "last_hour": rows["ts"].max().isoformat()})
        model = HistGradientBoostingRegressor(**MODEL, random_state=PARAMS["seed"])
        model.fit(x, y, sample_weight=rows["weight"])
        log_curve(model, x, rows)

        onnx.save(to_onnx(model, features, TARGET), OUTPUT / "model.onnx")
        mlflow.log_artifact(OUTPUT / "model.onnx")
    print(f"{model.n_iter_} trees on {len(rows)} rows, {len(features)} features")


if __name__ == "__main__":
    main()
