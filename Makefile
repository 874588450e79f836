# Antechamber. `make help` prints what there is.
PYTHON ?= python3
PORT ?= 8080
OPENSEARCH_PORT ?= 9200
INDEX ?= sqlite
OPENSEARCH_URL ?=
ENGINE ?= sqlite
PAIRS ?= 100000
SEED ?=
SIZE ?= demo
REGION ?= eu-central-1
CERTIFICATE ?=
EMAIL ?=
CONTEXT ?=
CONFIRM ?=
CDK := npx --yes aws-cdk@2.1148.1
PYTEST_OPTIONS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help
.PHONY: help demo opensearch test check prove bench synth deploy destroy format lock clean

help: ## print this
	@echo "Antechamber: authorization before the model."
	@echo
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo
	@echo "  After make demo, in a second terminal: $(BIN)/antechamber --help"

demo: ## set up and run the application with its local cloud and demo company (PORT=8080 INDEX=sqlite)
	@command -v $(PYTHON) >/dev/null || { echo "error: there is no $(PYTHON): install Python 3.11 or newer, or name it: PYTHON=" >&2; exit 2; }
	@$(PYTHON) tools/bootstrap.py local
	@case "$(INDEX)$(if $(OPENSEARCH_URL),@)" in \
	  sqlite | sqlite@) exec $(BIN)/python -m service.local.demo --port $(PORT);; \
	  opensearch@) exec $(BIN)/python -m service.local.demo --port $(PORT) --opensearch "$(OPENSEARCH_URL)";; \
	  opensearch) exec $(PYTHON) tests/opensearch/node.py with -- \
	    sh -c 'exec $(BIN)/python -m service.local.demo --port $(PORT) --opensearch "$$ANTECHAMBER_OPENSEARCH_URL"';; \
	  *) echo "error: INDEX is sqlite or opensearch, not $(INDEX)" >&2; exit 2;; \
	esac

opensearch: ## run a real OpenSearch on loopback, with a JDK and Maven (OPENSEARCH_PORT=9200)
	@exec $(PYTHON) tests/opensearch/node.py run --port $(OPENSEARCH_PORT)

test: ## set up and run all tests (ANTECHAMBER_WITHOUT_OPENSEARCH=1 leaves out those on OpenSearch)
	@$(PYTHON) tools/bootstrap.py dev
	@[ "$$ANTECHAMBER_WITHOUT_OPENSEARCH" = 1 ] || $(PYTHON) tests/opensearch/node.py prepare
	$(BIN)/pytest $(PYTEST_OPTIONS)

check: ## format, lint, types, import contracts, dependencies, generated documents
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/python tools/threat_model.py --check
	$(BIN)/python -m infra.written --check

prove: ## hold an index against Cedar, pair by pair (ENGINE=sqlite PAIRS=100000 SEED=)
	@$(PYTHON) tools/bootstrap.py dev
	@exec $(BIN)/python -m tests.conformance.prove --engine $(ENGINE) --pairs $(PAIRS) $(if $(SEED),--seed $(SEED))

bench: ## measure latency, recall, memory: a table, and JSON in .local (ENGINE=sqlite, or opensearch, or load, alone)
	@$(PYTHON) tools/bootstrap.py dev
	@exec $(BIN)/python -m bench --engine $(ENGINE)

synth: ## make the AWS templates of both sizes and check them with cdk-nag and cfn-lint: no account needed
	@$(PYTHON) tools/bootstrap.py dev
	@exec $(BIN)/python -m infra.synth

deploy: ## deploy to AWS, see docs/deploy.md first (SIZE=demo REGION= CERTIFICATE=arn:… EMAIL=…)
	@$(PYTHON) tools/bootstrap.py dev
	@command -v npx >/dev/null || { echo "error: the CDK's command needs Node 22 or newer: install it" >&2; exit 2; }
	@docker info >/dev/null 2>&1 || { echo "error: the image is built here: start Docker, or another builder that answers to docker" >&2; exit 2; }
	@[ -n "$(CERTIFICATE)" ] && [ -n "$(EMAIL)" ] || { echo "error: give CERTIFICATE=arn:… and EMAIL=…: docs/deploy.md says how to get them" >&2; exit 2; }
	$(CDK) deploy --require-approval broadening -c size=$(SIZE) -c region=$(REGION) $(CONTEXT) \
	  --parameters Certificate=$(CERTIFICATE) --parameters Email=$(EMAIL)

destroy: ## delete a deployment with all its data (SIZE=demo REGION= CONFIRM=antechamber-demo)
	@$(PYTHON) tools/bootstrap.py dev
	@exec $(BIN)/python -m infra.teardown "$(SIZE)" "$(CONFIRM)" "$(REGION)"

format: ## format and mend what can be mended
	@$(PYTHON) tools/bootstrap.py dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tools/threat_model.py
	$(BIN)/python -m infra.written

lock: ## pin every dependency anew, with hashes
	@$(PYTHON) tools/bootstrap.py dev
	@for each in "dev --group dev" "local --group local" "core"; do set -- $$each; name=$$1; shift; \
	  constraint=$$( [ $$name = dev ] || echo "-c requirements/dev.txt" ); \
	  .tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $$constraint $$@ \
	    pyproject.toml --output-file requirements/$$name.txt || exit 1; done

clean: ## remove everything that the commands above made
	rm -rf .venv .tools .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache cdk.out
