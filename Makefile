# Everything works as the first command on a fresh clone: each target first makes what it needs.
# `make help` lists the targets. PYTHON names the interpreter (3.11 or newer) that the environment is made from.

.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Empty where uv is not installed; then venv and pip do the same.
UV := $(shell command -v uv 2>/dev/null)

KINDS := classificationbatches categorysets
CODE := operator/nightsort tests tools $(wildcard examples benchmarks)
# Cheap to start; `make test` runs these and the cluster.
FAST := $(wildcard tests/unit tests/contract tests/simulation tests/wire tests/local)
# These are measured for coverage. The others are not: lives take more than twice as long while each line is counted, and
# what runs in processes of its own is not seen.
COVERED := tests/unit/domain tests/unit/flow tests/contract tests/wire
UNCOVERED := tests/simulation tests/local tests/servers tests/web tests/unit $(COVERED:%=--ignore=%)
# Processes of pytest, each with servers of its own. A file stays in its process: its tests share these servers.
WORKERS ?= 2
# Branch coverage of the two rooms where a missed branch is a lost ticket or a batch bought twice.
COVERAGE := --cov=nightsort.domain --cov=nightsort.flow --cov-branch --cov-report=term --cov-fail-under=95
PYTEST_ARGS ?=

.PHONY: help setup setup-dev demo local test test-fast test-node test-deps control-plane node verify lint format types arch crds reasons chart-readme manifests sizes lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make .venv with nightsort and what it runs with, locked (does nothing when it is up to date)

setup-dev: $(VENV)/.ready-dev ## Add what the tests and the linters need

demo: setup ## Label 300 real tickets on a real API server, against the simulator (6 minutes the first time)
	@$(BUILD) etcd kube-apiserver kubectl
	@$(BIN)/python -m examples.demo.run

local: setup ## Label 100 real tickets without a cluster, against the simulator, in seconds
	@$(BIN)/nightsort local examples/local.yaml --simulate

test: setup-dev control-plane ## Run all tests that need no root, with the coverage of domain and flow
	$(BIN)/python -m pytest $(UNCOVERED) -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)
	$(BIN)/python -m pytest tests/cluster -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)
	$(BIN)/python -m pytest $(COVERED) -n $(WORKERS) --dist loadfile $(COVERAGE) $(PYTEST_ARGS)

test-node: setup-dev control-plane node ## Run the image and the chart on a real node of this machine (needs root; see CONTRIBUTING.md)
	$(BIN)/python -m pytest tests/node $(PYTEST_ARGS)

test-fast: setup-dev ## Run the tests that need no cluster
	$(BIN)/python -m pytest $(FAST) -m "not cluster" $(PYTEST_ARGS)

SEEDS ?= 100000
.PHONY: soak
soak: setup-dev ## Live SEEDS simulated lives, with everything breaking that can (100,000 take about an hour on two processors)
	$(BIN)/python -m tests.simulation.replay --soak $(SEEDS)

test-deps: ## Install MariaDB, Prometheus and Chromium (and as root a node's parts) for the tests that are skipped without
	@tools/install_test_deps.sh $(if $(filter 0,$(shell id -u)),node)

BUILD = PYTHON=$(CURDIR)/$(BIN)/python tests/cluster/controlplane/build.sh
control-plane: setup ## Build etcd, kube-apiserver, kube-controller-manager, kubectl and helm from Go modules, once
	@$(BUILD)

node: setup ## Build what the real node needs besides: kubelet, kube-scheduler and the images, once
	@PYTHON=$(CURDIR)/$(BIN)/python tests/node/build.sh

verify: lint types arch crds-fresh reasons-fresh chart-fresh ## Check everything that is not a test

lint: setup-dev ## Check style and formatting
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: setup-dev ## Mend style and formatting where that can be done without thinking
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

types: setup-dev ## Check the types, strictly
	$(BIN)/mypy

arch: setup-dev ## Check the import contracts between the rooms
	$(BIN)/lint-imports --no-logo

crds: setup ## Render the CustomResourceDefinitions from the models in api/, for kubectl and for the chart
	@for kind in $(KINDS); do file=crds/nightsort.dev_$$kind.yaml; \
	    $(BIN)/nightsort crds $$kind > $$file.part && mv $$file.part $$file && \
	    cp $$file charts/nightsort/files/$$kind.yaml || exit 1; done

.PHONY: crds-fresh
crds-fresh: setup
	@for kind in $(KINDS); do for file in crds/nightsort.dev_$$kind.yaml charts/nightsort/files/$$kind.yaml; do \
	    $(BIN)/nightsort crds $$kind | diff -u $$file - || \
	    { echo "$$file is stale: run 'make crds' and commit it" >&2; exit 1; }; done; done

reasons: setup ## Write the tables of reasons in docs/troubleshooting.md, and what the alerts' texts name
	$(BIN)/python tools/reasons.py

.PHONY: reasons-fresh
reasons-fresh: setup
	@$(BIN)/python tools/reasons.py --check

chart-readme: setup ## Write the table of values in the chart's README
	$(BIN)/python tools/chart_readme.py

manifests: setup helm ## Render the chart into plain manifests, for kubectl and kustomize
	$(RENDER) > deploy/operator.yaml.part
	mv deploy/operator.yaml.part deploy/operator.yaml

# Helm's half of the control plane; it is built in two minutes.
.PHONY: helm
helm: setup
	@$(BUILD) helm

HELM = $$($(BIN)/python -c 'from tests.cluster.controlplane.plane import program; print(program("helm"))')
RENDER = set -o pipefail; $(HELM) template nightsort charts/nightsort --namespace nightsort --skip-tests | \
	$(BIN)/python tools/manifests.py

.PHONY: chart-fresh
chart-fresh: setup helm
	@$(HELM) lint --strict --quiet charts/nightsort
	@$(BIN)/python tools/chart_readme.py --check
	@$(RENDER) | diff -u deploy/operator.yaml - || \
	    { echo "deploy/operator.yaml is stale: run 'make manifests' and commit it" >&2; exit 1; }

sizes: setup ## Show the sizes of functions and modules beside their aims
	@$(BIN)/python tools/sizes.py operator/nightsort

.PHONY: bench
SIZE ?= usual
bench: setup-dev $(if $(filter full,$(SIZE)),control-plane) ## Measure beside the floor and a naive script, into docs/performance.md and docs/costs.md (SIZE=quick, usual or full)
	$(BIN)/python -m benchmarks $(SIZE)
	$(BIN)/python -m benchmarks.costs

.PHONY: check-locks
check-locks: ## Ask the pip of Debian 12, the newest pip and uv whether they take the locks (needs an index)
	tools/check_locks.sh

lock: setup ## Lock the dependencies anew, after a change in pyproject.toml (needs uv)
	uv pip compile pyproject.toml $(LOCK) --group dev -o requirements-dev.txt
	uv pip compile pyproject.toml $(LOCK) --extra examples --constraints requirements-dev.txt -o requirements.txt
	uv pip compile --group build $(LOCK) --constraints requirements-dev.txt -o requirements-build.txt

# What is installed is what the tests run with. No index is named, so that the files fit whatever index the machine uses.
LOCK := --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

clean: ## Remove the environment and the tools' traces; the built control plane stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov dist

$(VENV)/.ready: pyproject.toml requirements.txt requirements-build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Nightsort needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
ifneq ($(UV),)
	@test -x $(BIN)/python || uv venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)
else
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || \
	    { echo "The venv module is missing: on Debian, apt-get install python3-venv" >&2; exit 1; }
endif
	@echo "setup: installing what nightsort runs with, by $(if $(UV),uv (seconds),pip (about a minute))"
	@$(INSTALL) --require-hashes -r requirements.txt -r requirements-build.txt
	@$(INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	@echo "setup: installing what tests and linters need, by $(if $(UV),uv (seconds),pip (about a minute))"
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

INSTALL = $(if $(UV),uv pip install --quiet --python $(BIN)/python,$(BIN)/pip install --quiet --disable-pip-version-check)
