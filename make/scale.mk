# How fast keys can be imported. Starts a MariaDB of its own and removes it.

# Options of `make bench-scale`, for instance: make bench-scale KEYS=100000
KEYS ?= 1000000
SCALE_SECONDS ?= 900

.PHONY: bench-scale
bench-scale: ## Import a million keys into an empty database and print the rate; bounded by SCALE_SECONDS
	@$(PYTHON) -m benchmarks.scale $(KEYS) $(SCALE_SECONDS)
