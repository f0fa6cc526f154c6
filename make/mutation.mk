# Whether the tests would notice a fault.

VENV ?= .venv
# For instance: make mutants FAULTS=50 SEED=7, or make mutants MINUTES=10 and again tomorrow
FAULTS ?= 500
SEED ?= 1
MINUTES ?= 0

.PHONY: mutants mutants-again
mutants: build/mutation/trace ## Plant 500 faults, one at a time, where keys, grants and credentials are decided; an hour or two, MINUTES at a time
	@$(VENV)/bin/python -m tools.mutation run --sample $(FAULTS) --seed $(SEED) --minutes $(MINUTES)

mutants-again: ## Judge the survivors once more, with the tests that were added since
	@$(VENV)/bin/python -m tools.mutation trace --changed
	@$(VENV)/bin/python -m tools.mutation run --sample $(FAULTS) --seed $(SEED) --minutes $(MINUTES) --again

# Which tests run which lines: found out once. Remove build/mutation to begin anew.
build/mutation/trace:
	@$(VENV)/bin/pip install -q -c constraints.txt -e '.[mutation]'
	@echo "==> which tests run which lines"
	@$(VENV)/bin/python -m tools.mutation trace
