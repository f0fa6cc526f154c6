# Everything a developer or a build machine runs. `make` lists the targets from their own comments.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
export PYTHONPATH := $(CURDIR):$(CURDIR)/gen

# Options of `make run`, for instance: make run ARGS="--port 8080"
ARGS ?=
# Options of the test targets, for instance: make unit PYTEST="-k buffer -x"
PYTEST ?=
# Processes the tests are spread over. Each has stores of its own and takes about 1.5 GB; make test JOBS=0 uses none.
JOBS ?= 2
RUN_TESTS = $(PYTHON) -m pytest -n $(JOBS)

-include make/*.mk

.PHONY: help
help: ## Show this list
	@echo "unkey-api. Targets:"
	@awk -F ':.*## ' '/^[a-zA-Z_-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: ## Install what is missing: system packages, .venv with everything for development, page assets
	@sh tools/install.sh

.PHONY: run
run: install ## Start the service with its stores under .unkey-dev/ and print a root key and curl lines
	@exec $(BIN)/unkey-api dev $(ARGS)

.PHONY: test
test: install check-static ## Install, then run every check and every test (what .ci/run does)
	@echo "==> tests"
	@$(RUN_TESTS) $(PYTEST)
	@$(MAKE) --no-print-directory frozen-replica

.PHONY: frozen-replica
frozen-replica: ## The tests of everything that writes, once more with a replica that has stopped
	@echo "==> tests with a frozen replica"
	@$(RUN_TESTS) -q --frozen-replica $(addprefix tests/rpc/,keys identities permissions apis ratelimit rootkeys)

.PHONY: check
check: check-static ## Every check and every test but the end-to-end ones, without installing
	@$(RUN_TESTS) -m "not e2e" $(PYTEST)

.PHONY: check-fast
check-fast: lint types unit ## Lint, types and unit tests, in under a minute

.PHONY: check-static
check-static: lint types ## Checks that run no code of ours

.PHONY: lint
lint: ## Style, formatting and import contracts
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@found=$$($(BIN)/lint-imports --no-cache) || { echo "$$found"; exit 1; }

.PHONY: format
format: ## Rewrite the sources in the house style
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: docs
docs: ## Rewrite the pages and sections of the documentation that are made from the code
	@$(PYTHON) -m tools.settings_table
	@$(PYTHON) -m tools.metrics_table
	@$(PYTHON) -m tools.errors_table
	@$(PYTHON) -m tools.permissions_table
	@$(PYTHON) -m tools.not_built
	@$(PYTHON) -m tools.capacity --write
	@$(PYTHON) -m tools.dashboard
	@$(PYTHON) -m tools.completeness

.PHONY: types
types: ## Strict type check
	@echo "==> types"
	@$(BIN)/mypy

.PHONY: unit
unit: ## Tests that need nothing outside the process
	@echo "==> unit tests"
	@$(RUN_TESTS) -m "not integration and not e2e" $(PYTEST)

.PHONY: integration
integration: ## Tests against real MariaDB, Valkey and ClickHouse, started and stopped by the test session
	@echo "==> integration tests"
	@$(RUN_TESTS) -m integration $(PYTEST)

.PHONY: e2e
e2e: ## Tests against a served process
	@echo "==> end-to-end tests"
	@$(RUN_TESTS) -m e2e $(PYTEST)

.PHONY: lock
lock: ## Resolve the newest allowed dependencies into constraints.txt and tools/scalar/package-lock.json
	@sh tools/lock.sh

.PHONY: clean
clean: ## Remove what can be made again; the data of `make run` stays
	@rm -rf $(VENV) .install .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage build dist
	@find . -name __pycache__ -type d -not -path './.unkey-dev/*' -prune -exec rm -rf {} +
