# Clients that are not ours: a browser for the page of the reference, and long runs of requests made from the document.

VENV ?= .venv
# Seconds of `make fuzz`, shared by its five parts, for instance: make fuzz SECONDS=3600
SECONDS ?= 600

.PHONY: browser
browser: ## Install Debian's headless Chromium, which one end-to-end test opens /reference with
	@sh tools/install_browser.sh

.PHONY: fuzz
fuzz: ## Send what nobody should for ten minutes: broken HTTP, bodies, queries, requests from the OpenAPI document
	@echo "==> fuzz"
	@UNKEY_FUZZ_SECONDS=$$(($(SECONDS) / 5)) $(VENV)/bin/python -m pytest tests/fuzz tests/e2e/test_fuzz.py -s $(PYTEST)

test: browser
