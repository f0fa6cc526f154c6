# How fast it is. Needs the Debian packages wrk and nghttp2-client; the program says so when they are missing.

BENCH := $(PYTHON) -m benchmarks
# For instance: make bench BENCH_ARGS=--quick, make bench BENCH_ARGS="--against v0.1.0 --only verify", or make profile BENCH_ARGS="'limit, one identifier'"
BENCH_ARGS ?=

.PHONY: bench
bench: ## Measure the hot paths against a bare server, in two minutes; writes benchmarks/latest.json
	@$(BENCH) run $(BENCH_ARGS)

.PHONY: bench-compare
bench-compare: ## Show the last run of `make bench` against the committed benchmarks/baseline.json
	@$(BENCH) compare

.PHONY: bench-observability
bench-observability: ## Measure what logs, metrics, traces and rows cost a warm verify
	@$(BENCH) observability

.PHONY: profile
profile: ## Sample a worker under load; prints where the time goes and writes a flame graph into build/
	@$(BENCH) profile $(BENCH_ARGS)

# Both parts are bounded: each of the four storms ends after STORM_SECONDS, however many cancellations there were.
STORM_CANCELLATIONS ?= 1000000
STORM_SECONDS ?= 600
SOAK_SECONDS ?= 600

.PHONY: soak
soak: ## A million cancelled requests, then ten minutes of load; up to an hour
	@echo "==> cancellations"
	@UNKEY_STORM_CANCELLATIONS=$(STORM_CANCELLATIONS) UNKEY_STORM_SECONDS=$(STORM_SECONDS) \
		$(PYTHON) -m pytest -q -s --timeout=0 tests/integration/test_cancel_storm_*.py
	@echo "==> load for $(SOAK_SECONDS) s"
	@$(BENCH) soak --seconds $(SOAK_SECONDS)

.PHONY: bench-revocation
bench-revocation: ## Measure how soon three processes refuse what one of them revoked, kind by kind; ten minutes
	@$(BENCH) revocation

# Verifications that `make bench-analytics` makes, for instance: make bench-analytics ROWS=1000000
ROWS ?= 10000000

.PHONY: bench-analytics
bench-analytics: ## Measure what the SQL guard adds to ClickHouse's own time, with ten million verifications; some minutes
	@$(PYTHON) -m benchmarks.analytics --rows $(ROWS)
