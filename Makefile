# `make` without a target lists the targets. Each target first sets up what it needs
# (scripts/setup.sh): a virtual environment in .venv with the locked dependencies, renewed only when
# a lock file changes.
#   PYTHON=/path/to/python   the Python 3.11, 3.12 or 3.13 to use for the environment

.DEFAULT_GOAL := help
.PHONY: help serve test quick check bench replay reconcile checkpoint archive audit schema format lock

run := .venv/bin/python -m

# Python keeps compiled modules in __pycache__. Without them the tests compile all modules in each of
# their processes, and in each of the many servers that they start.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: export RESTOW_DEMO ?= 1
serve: runtime  ## migrate, add demo data to an empty database, serve; RESTOW_… settings apply
	@exec $(run) scripts.serve

test: development  ## all tests, on SQLite and on PostgreSQL and Redis servers that they start
	@$(run) pytest -n $(TEST_WORKERS) --dist worksteal $(ARGS)

quick: development  ## part of the tests, on SQLite; without PostgreSQL, Redis, streams, transports, races
	@$(run) pytest -q -n $(TEST_WORKERS) --dist worksteal -m "not postgres" $(QUICK) $(ARGS)

check: development  ## format, lint, types, import contracts, architecture tests, SDL, dependencies
	@$(run) ruff format --check .
	@$(run) ruff check .
	@$(run) mypy
	@.venv/bin/python .venv/bin/lint-imports
	@$(run) pytest -q tests/architecture
	@$(run) scripts.schema --check
	@$(run) scripts.audit

audit: development  ## check hashes, licenses and known advisories of all dependencies, offline
	@$(run) scripts.audit

bench: development  ## run the benchmarks and compare with their bounds (ONLY=part for one part)
	@$(run) benchmarks $(if $(ONLY),--only $(ONLY))

replay: runtime  ## replay FILE=events.csv.gz through the API, then reconcile (LIMIT=orders, FLOOR=1: by scans)
	@$(run) scripts.replay $(FILE) $(if $(LIMIT),--limit $(LIMIT)) $(if $(FLOOR),--floor)

reconcile: runtime  ## prove the books of the configured database (CHECKPOINT=file compares with it)
	@$(run) scripts.reconcile $(CHECKPOINT)

checkpoint: runtime  ## verify the audit chain since the checkpoint in FILE, and write the new one
	@$(run) scripts.checkpoint $(or $(FILE),audit-checkpoint.json)

archive: runtime  ## move events beyond the RESTOW_EVENTS_KEPT_… limits from the log to files
	@$(run) scripts.archive

schema: runtime  ## write schema/schema.graphql
	@$(run) scripts.schema

format: development  ## sort imports and format the code
	@$(run) ruff check --select I --fix --quiet .
	@$(run) ruff format .

lock:  ## renew the lock files after a change of dependencies in pyproject.toml
	@sh scripts/lock.sh $(or $(PYTHON),python3)

.PHONY: runtime development
runtime:
	@PYTHON="$(PYTHON)" sh scripts/setup.sh requirements.lock
development:
	@PYTHON="$(PYTHON)" sh scripts/setup.sh requirements-dev.lock

# Daily subset, below 90 seconds on 2 cores: rules, architecture, and the main paths of resolvers and
# workflows. `make test` also runs PostgreSQL, Redis, models and migrations, server transports,
# projection, subscriptions, races, scripts, and the other modules of resolvers and workflows.
QUICK := tests/architecture tests/domain \
	$(patsubst %,tests/resolvers/test_%.py,access orders returns refunds reservations stock tasks) \
	tests/workflows/orders tests/workflows/reservations tests/workflows/stock/test_stock.py \
	$(patsubst %,tests/workflows/returns/test_%.py,requests receipts inspections) \
	$(patsubst %,tests/workflows/refunds/test_%.py,refunds return_refunds payouts) \
	$(patsubst %,tests/workflows/transactions/test_%.py,transactions idempotency journal) \
	tests/workflows/warehouse/test_picking.py tests/workflows/tasks/test_claims.py \
	tests/workflows/ledger/test_reconciliation.py

# Number of test processes. They share the servers that the tests start.
TEST_WORKERS ?= 2
