# A few verbs; each is a script that says what it does and is safe to run again. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench conformance-mlflow ui clean-cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build everything and run the first demo (DATA=hour.csv SEED=7 EXIT=1 FOLDER=demo-home LISTEN=127.0.0.1:7070)
	@DATA='$(DATA)' SEED='$(SEED)' EXIT='$(EXIT)' FOLDER='$(FOLDER)' LISTEN='$(LISTEN)' bash scripts/demo.sh

test: ## set up this machine and run every test (KEEP_GOING=1 to run on after a failure)
	@bash scripts/test.sh

check: ## the quick ones: formatting, rules of the house, lints
	@bash scripts/test.sh fmt scripts tidy clippy

fix: ## format and mend what the lints can
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo xtask errors

bench: ## measure (ONLY="startup predict" KILLS=200)
	@bash scripts/bench.sh $(ONLY)

conformance-mlflow: ## run MLflow's own tests against the binary (MLFLOW_SOURCE=path of a checkout, ONLY="test_rest_tracking.py")
	@MLFLOW_SOURCE='$(MLFLOW_SOURCE)' ONLY='$(ONLY)' bash scripts/conformance.sh

ui: ## build the web UI
	@bash scripts/ui.sh build

clean-cache: ## remove everything the builds keep outside the repository
	@. scripts/lib.sh && rm -rf "$$PITCREW_CACHE" && echo "removed $$PITCREW_CACHE"
