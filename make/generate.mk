# Everything derived from proto/. Runs offline; needs only the development extra.

VENV ?= .venv

# The virtual environment's commands first, so that buf finds the pinned plugins.
GENERATE_ENV = PATH="$(abspath $(VENV))/bin:$$PATH" PYTHONPATH="$(CURDIR):$(CURDIR)/gen"
CHECKED := build/generated

.PHONY: third-party-protos
third-party-protos:
	@$(GENERATE_ENV) python -m tools.materialise_protos .third_party

.PHONY: generate
generate: third-party-protos ## Rebuild everything derived from proto/ with the pinned plugins
	@rm -rf gen/unkey_proto gen/openapi
	@$(GENERATE_ENV) buf generate proto
	@$(GENERATE_ENV) python -m tools.print_error_codes > unkey_api/core/error_code.py.new
	@mv unkey_api/core/error_code.py.new unkey_api/core/error_code.py

# Generates beside the tree and compares, so that it works with changes not yet committed and changes nothing itself.
.PHONY: generate-check
generate-check: third-party-protos ## Fail when something derived is not what proto/ says
	@echo "==> generated code"
	@rm -rf $(CHECKED) && mkdir -p $(CHECKED)
	@$(GENERATE_ENV) buf generate proto -o $(CHECKED)
	@$(GENERATE_ENV) PYTHONPATH="$(CURDIR):$(CURDIR)/$(CHECKED)/gen" python -m tools.print_error_codes > $(CHECKED)/error_code.py
	@diff -r -x __pycache__ gen $(CHECKED)/gen
	@diff unkey_api/core/error_code.py $(CHECKED)/error_code.py

.PHONY: proto-lint
proto-lint: third-party-protos ## Check the style and the comments of proto/
	@echo "==> proto"
	@$(GENERATE_ENV) buf lint
	@$(GENERATE_ENV) buf format --diff --exit-code proto

.PHONY: proto-breaking
proto-breaking: third-party-protos ## Fail when proto/ would break clients of the committed baseline
	@$(GENERATE_ENV) buf breaking proto --against proto/baseline.binpb

.PHONY: proto-baseline
proto-baseline: third-party-protos ## Accept proto/ as the new baseline; say why in the commit
	@$(GENERATE_ENV) buf build proto --exclude-source-info -o proto/baseline.binpb

check-static: proto-lint proto-breaking generate-check
