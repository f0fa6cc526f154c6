.PHONY: image-check
image-check: ## Run the steps of deploy/Dockerfile in a Debian of its own and serve from there; root, minutes
	@sh tools/image-check.sh
