# Everything derived from proto/. Runs offline; needs only the development extra.

VENV ?= .venv

# The virtual environment's commands first, so that buf finds the pinned plugins.
GENERATE_ENV = PATH="$(abspath $(VENV))/bin:$$PATH" PYTHONPATH=.

.PHONY: generate generate-check proto-lint proto-breaking proto-baseline third-party-protos

third-party-protos:
	$(GENERATE_ENV) python -m tools.materialise_protos .third_party

generate: third-party-protos ## Rebuild everything derived from proto/ with the pinned plugins
	rm -rf gen/unkey_proto
	$(GENERATE_ENV) buf generate proto

proto-lint: third-party-protos ## Check the style and the comments of proto/
	$(GENERATE_ENV) buf lint
	$(GENERATE_ENV) buf format --diff --exit-code proto
