"""Split the data set into training rows and the last days, which are held out for the gate."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(os.environ["PITCREW_INPUT_DATA"])
OUTPUT = Path(os.environ["PITCREW_OUTPUT_DIR"])
PARAMS = json.loads(Path(os.environ["PITCREW_PARAMS"]).read_text())

# A row loses half its weight in this many days, but never falls below the floor:
# the last weeks say how much is ridden today, the year before says what a summer looks like.
HALF_LIFE_DAYS = 45
FLOOR = 0.05
MIN_TRAINING_DAYS = 30


def read(folder: Path) -> pd.DataFrame:
    files = sorted(folder.glob("**/*.csv"))
    if not files:
        raise SystemExit(f"no CSV file in {folder}")
    rows = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    rows["ts"] = pd.to_datetime(rows["ts"], utc=True)
    return rows.sort_values("ts", ignore_index=True)


def main() -> None:
    rows = read(DATA)
    if PARAMS["until"]:
        rows = rows[rows["ts"] < pd.Timestamp(PARAMS["until"], tz="UTC")]

    end = rows["ts"].max().normalize() + pd.Timedelta(days=1)
    cut = end - pd.Timedelta(days=int(PARAMS["holdout_days"]))
    train, holdout = rows[rows["ts"] < cut].copy(), rows[rows["ts"] >= cut]
    if train["ts"].dt.date.nunique() < MIN_TRAINING_DAYS:
        raise SystemExit(f"only {len(train)} rows before {cut.date()}: at least {MIN_TRAINING_DAYS} days are needed")

    age_days = (cut - train["ts"]) / pd.Timedelta(days=1)
    train["weight"] = np.maximum(0.5 ** (age_days / HALF_LIFE_DAYS), FLOOR)
    if PARAMS["shuffle_labels"]:
        train["cnt"] = np.random.default_rng(PARAMS["seed"]).permutation(train["cnt"].to_numpy())

    train.to_parquet(OUTPUT / "train.parquet", index=False)
    holdout.to_parquet(OUTPUT / "holdout.parquet", index=False)
    print(f"{len(train)} training rows up to {cut:%Y-%m-%d}, {len(holdout)} held out up to {end:%Y-%m-%d}")


if __name__ == "__main__":
    main()
