# `make` alone prints what there is. Every target does its own set-up first (scripts/setup.sh):
# a virtual environment in .venv with the locked dependencies, renewed only when a lock changes.
#   PYTHON=/path/to/python   which Python 3.11 to 3.13 to use for it

.DEFAULT_GOAL := help
.PHONY: help serve test check bench replay reconcile archive schema format lock

run := .venv/bin/python -m

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: export RESTOW_DEMO ?= 1
serve: runtime  ## migrate, add demo data to an empty database, serve (RESTOW_… settings apply)
	@exec $(run) scripts.serve

test: development  ## every test, on SQLite and on a PostgreSQL and a Redis that it brings itself
	@$(run) pytest -n $(TEST_WORKERS) --dist worksteal $(ARGS)

check: development  ## format, lint, types, import contracts, architecture, SDL up to date
	@$(run) ruff format --check .
	@$(run) ruff check .
	@$(run) mypy
	@.venv/bin/python .venv/bin/lint-imports
	@$(run) pytest -q tests/architecture
	@$(run) scripts.schema --check

bench: development  ## the benchmarks, beside their limits (ONLY=part for one of them)
	@$(run) benchmarks $(if $(ONLY),--only $(ONLY))

replay: runtime  ## replay FILE=events.csv.gz through the API, then reconcile (LIMIT=orders)
	@$(run) scripts.replay $(FILE) $(if $(LIMIT),--limit $(LIMIT))

reconcile: runtime  ## prove the books of the configured database
	@$(run) scripts.reconcile

archive: runtime  ## move events older than RESTOW_EVENTS_KEPT_… to files, and out of the log
	@$(run) scripts.archive

schema: runtime  ## write schema/schema.graphql
	@$(run) scripts.schema

format: development  ## put imports and layout in order
	@$(run) ruff check --select I --fix --quiet .
	@$(run) ruff format .

lock:  ## renew the lock files after a change in pyproject.toml
	@sh scripts/lock.sh $(or $(PYTHON),python3)

.PHONY: runtime development
runtime:
	@PYTHON="$(PYTHON)" sh scripts/setup.sh requirements.lock
development:
	@PYTHON="$(PYTHON)" sh scripts/setup.sh requirements-dev.lock

# how many test processes; the servers that tests bring are shared by them
TEST_WORKERS ?= 2
