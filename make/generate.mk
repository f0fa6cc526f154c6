# Everything derived from proto/. Runs offline; needs only the development extra.

VENV ?= .venv

# The virtual environment's commands first, so that buf finds the pinned plugins.
GENERATE_ENV = PATH="$(abspath $(VENV))/bin:$$PATH" PYTHONPATH="$(CURDIR):$(CURDIR)/gen"
# What `make generate` writes, all of it committed.
GENERATED := gen unkey_api/core/error_code.py

.PHONY: third-party-protos
third-party-protos:
	@$(GENERATE_ENV) python -m tools.materialise_protos .third_party

.PHONY: generate
generate: third-party-protos ## Rebuild everything derived from proto/ with the pinned plugins
	@rm -rf gen/unkey_proto gen/openapi
	@$(GENERATE_ENV) buf generate proto
	@$(GENERATE_ENV) python -m tools.print_error_codes > unkey_api/core/error_code.py.new
	@mv unkey_api/core/error_code.py.new unkey_api/core/error_code.py

# `status` and not `diff`, because diff misses new files.
.PHONY: generate-check
generate-check: generate ## Fail when something derived is not what proto/ says
	@test -z "$$(git status --porcelain $(GENERATED) | tee /dev/stderr)"

.PHONY: proto-lint
proto-lint: third-party-protos ## Check the style and the comments of proto/
	@$(GENERATE_ENV) buf lint
	@$(GENERATE_ENV) buf format --diff --exit-code proto

.PHONY: proto-breaking
proto-breaking: third-party-protos ## Fail when proto/ would break clients of the committed baseline
	@$(GENERATE_ENV) buf breaking proto --against proto/baseline.binpb

.PHONY: proto-baseline
proto-baseline: third-party-protos ## Accept proto/ as the new baseline; say why in the commit
	@$(GENERATE_ENV) buf build proto --exclude-source-info -o proto/baseline.binpb
