# Clients that are not ours: a browser for the page of the reference, and long runs of requests made from the document.

VENV ?= .venv
# Seconds of `make fuzz`, for instance: make fuzz SECONDS=3600
SECONDS ?= 600

.PHONY: browser
browser: ## Install Debian's headless Chromium, which one end-to-end test opens /reference with
	@sh tools/install_browser.sh

.PHONY: fuzz
fuzz: ## Make requests from the OpenAPI document for ten minutes and check every answer
	@echo "==> fuzz"
	@UNKEY_FUZZ_SECONDS=$(SECONDS) $(VENV)/bin/python -m pytest tests/e2e/test_fuzz.py -s $(PYTEST)

test: browser
