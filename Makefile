# make up     AWS on this machine, with this project on it
# make test   the whole suite
# make check  only reads: format, lint, types, import laws, documents in step
# make fix    only writes: format, lint, documents

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python
UV := $(BIN)/uv

# Byte code of the virtual environment saves seconds at every start.
unexport PYTHONDONTWRITEBYTECODE
# The Node.js of the virtual environment goes before any other.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup up test unit proofs fuzz faults mutants check fix lock audit clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: .venv/ready ## Create the virtual environment, with Node.js and the CDK CLI in it

up: setup ## Start the local stack and keep it running
	@$(RUN) -m local up

test: setup ## Run the whole suite
	@$(BIN)/pytest -n 4 --dist loadgroup --no-loadscope-reorder -m "not proof"

unit: setup ## Run what takes a minute: no emulator, no long proofs
	@$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not flow and not long and not proof"

proofs: setup ## Run what proves more of the same: every stage, more messages, more examples
	@HEADRACE_EXAMPLES=2000 $(BIN)/pytest -n 2 --dist loadgroup -m "proof or long or hypothesis"

fuzz: setup ## The edge's property tests with 100,000 examples instead of 75
	@HEADRACE_EXAMPLES=100000 $(BIN)/pytest -q -n 2 tests/local/gateway/test_bytes.py

faults: setup ## The consumer under every kind of fault in virtual time, then the redrive command with faults and kills
	@$(RUN) -m tests.simulation --messages $${MESSAGES:-20000} --seed $${SEED:-1}
	@$(RUN) -m tests.redrive_fuzz --runs $${RUNS:-300} --seed $${SEED:-1}

mutants: setup ## Mistakes in the code, and which no test notices (SEED= SAMPLE= SINCE=)
	@$(RUN) -m tests.mutants --seed $${SEED:-1} --sample $${SAMPLE:-40} $${SINCE:+--since $$SINCE}

check: setup ## Only read: format, lint, types, import laws, documents in step
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted; run: make fix"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/pytest -q -p no:xdist -p no:schemathesis tests/test_laws.py
	@CDK_VALIDATION=false $(RUN) -m documents --check

fix: setup ## Only write: format, lint, documents
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .
	@CDK_VALIDATION=false $(RUN) -m documents

lock: setup ## Lock the pins of every requirements.in, with hashes and without addresses
	@for folder in functions/ "" local/ local/build/ functions/authorize_caller/ tests/edge/; do \
	  $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $${folder}requirements.in -o $${folder}requirements.txt $$(test -n "$$folder" || echo -c functions/requirements.txt) \
	    || exit 1; done

audit: setup ## Ask what is known against the pinned packages; it needs the network, and says so where there is none
	@$(RUN) -m local.audit

clean: ## Remove everything that was built here; dropped messages, originals and the audit in .local/ops stay
	@test ! -d .local/ops || echo "Kept: .local/ops, the only copy of dropped messages, originals, journals and the audit."
	@test ! -d .local || find .local -mindepth 1 -maxdepth 1 ! -name ops -exec rm -rf {} +
	@rmdir .local 2>/dev/null || true
	rm -rf .venv build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/ready: requirements.txt local/requirements.txt local/build/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or newer; name one: make PYTHON=python3.13 …"; exit 1; }
	@$(PYTHON) -m local.install
	@touch $@

# Targets of this project's own stand in files beside this one.
-include *.mk
