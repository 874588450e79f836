# Antechamber. `make help` prints what there is.
PYTHON ?= python3
PORT ?= 8080
PYTEST_OPTIONS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench format lock clean

help: ## print this
	@echo "Antechamber: authorization before the model."
	@echo
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16
	@echo
	@echo "  After make demo, in a second terminal: $(BIN)/antechamber --help"

demo: ## set up and run the application with its local cloud and demo company (PORT=8080)
	@$(PYTHON) tools/bootstrap.py local
	@exec $(BIN)/antechamber demo --port $(PORT)

test: ## set up and run all tests
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/pytest $(PYTEST_OPTIONS)

check: ## format, lint, types, import contracts, dependencies, generated documents
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/python tools/threat_model.py --check

bench: ## measure: latency, recall, memory (as a table, and JSON in .local/bench.json)
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/python -m bench

format: ## format and mend what can be mended
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tools/threat_model.py

lock: ## pin every dependency anew, with hashes
	@$(PYTHON) tools/bootstrap.py dev
	@for each in "dev --group dev" "local --group local" "core"; do set -- $$each; name=$$1; shift; \
	  constraint=$$( [ $$name = dev ] || echo "-c requirements/dev.txt" ); \
	  .tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $$constraint $$@ \
	    pyproject.toml --output-file requirements/$$name.txt || exit 1; done

clean: ## remove everything that the commands above made
	rm -rf .venv .tools .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
