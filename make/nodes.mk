# How limits and credits hold over several nodes, and what they cost.

.PHONY: accuracy
accuracy: ## Put load shapes to 1, 3 and 9 limiter processes on one Redis and print what they admit
	@$(PYTHON) -m benchmarks.ratelimit_accuracy

.PHONY: bench-redis
bench-redis: ## Print what a request costs with Redis healthy, slow and down
	@$(PYTHON) -m benchmarks.redis_states

.PHONY: bench-limits-scale
bench-limits-scale: ## Print the memory of a million active counters, and what is left after they expired
	@$(PYTHON) -m benchmarks.limits_scale
