# Whether the tests would notice a fault.

VENV ?= .venv
# For instance: make mutants FAULTS=50 SEED=7
FAULTS ?= 500
SEED ?= 1

.PHONY: mutants
mutants: ## Plant 500 faults, one at a time, where keys, grants and credentials are decided; an hour
	@$(VENV)/bin/pip install -q -c constraints.txt -e '.[mutation]'
	@echo "==> which tests run which lines"
	@$(VENV)/bin/python -m tools.mutation trace
	@echo "==> faults"
	@$(VENV)/bin/python -m tools.mutation run --sample $(FAULTS) --seed $(SEED)
