# Hostile clients beside a victim. Starts the stores it needs and removes them.

ATTACK_SECONDS ?= 5
# For instance: make attack ATTACKS="'pings' 'half a head'", or make attack WRITE=1 to renew the table in docs/operations.md
ATTACKS ?=
WRITE ?=

.PHONY: attack
attack: ## Attack a service in every way we know for five seconds each; fails when its victim notices too much
	@echo "==> attacks"
	@$(PYTHON) -m tests.attack --seconds $(ATTACK_SECONDS) $(if $(WRITE),--write) $(ATTACKS)
