# A million keys, a million counters. Starts the stores it needs and removes them.

# Options of `make bench-scale`, for instance: make bench-scale KEYS=100000
KEYS ?= 1000000
SCALE_SECONDS ?= 600

.PHONY: bench-scale
bench-scale: ## Import a million keys with a kill half-way, compare calls among them with a thousand; then a million limits
	@echo "==> keys"
	@$(PYTHON) -m benchmarks.scale $(KEYS) $(SCALE_SECONDS)
	@echo "==> limits"
	@$(PYTHON) -m benchmarks.limits_scale
