# Line of Sight. `make help` lists the targets. Everything stays below this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

EXAMPLE ?= flights
GATE ?= standard
PYTHON ?= python3
PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
SPARK_VENV := .venv-spark
SUPERSET_VENV := .venv-superset
METRICFLOW_VENV := .venv-metricflow
SETTINGS := examples/$(EXAMPLE)/settings.env

export DAGSTER_DISABLE_TELEMETRY := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export LOS_GATE := $(GATE)

.PHONY: help setup run feeds dev data-docs spark test test-slow test-spark test-bi node docs lint format check types clean bench

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (once; one to three minutes) ..."
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --system-certs --python $(BIN)/python --require-hashes requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.installed ## Install everything into .venv, and parse the dbt project
	@$(BIN)/los --settings $(SETTINGS) prepare

feeds: $(VENV)/.installed
	@$(BIN)/python examples/$(EXAMPLE)/make_feeds.py --settings $(SETTINGS)

run: feeds ## Run the whole pipeline on an example (EXAMPLE=flights or manufacturer, GATE=standard or strict)
	@$(BIN)/los --settings $(SETTINGS) run

dev: feeds ## Open Dagster's UI on the example, at http://127.0.0.1:3000
	@$(BIN)/los --settings $(SETTINGS) dev

data-docs: $(VENV)/.installed ## Write Great Expectations' Data Docs of the example's last run, for developers
	@$(BIN)/los --settings $(SETTINGS) data-docs

# An environment of its own: 600 MB that nothing else needs, and libraries that would change what others do.
$(SPARK_VENV)/.installed: requirements-spark.lock $(VENV)/.installed
	@command -v java >/dev/null || { echo "Spark needs Java 17 or newer, for instance Debian's default-jre-headless" >&2; exit 1; }
	@test -x $(SPARK_VENV)/bin/python || $(PYTHON) -m venv $(SPARK_VENV)
	@echo "Installing Spark into $(SPARK_VENV) (once; half a minute, 600 MB) ..."
	@$(BIN)/uv pip sync --quiet --system-certs --python $(SPARK_VENV)/bin/python --require-hashes requirements-spark.lock \
		|| $(SPARK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-spark.lock
	@touch $@

spark: $(SPARK_VENV)/.installed ## Build an example's warehouse on Spark from the lake of its last run (EXAMPLE=...)
	@set -a && . ./$(SETTINGS) && set +a && data="$$(realpath "$$LOS_DATA_DIR")" && mkdir -p "$$data/spark" \
		&& LOS_LAKE_DIR="$$data/lake" LOS_SPARK_DIR="$$data/spark" $(SPARK_VENV)/bin/dbt build --target spark \
		--exclude-resource-type unit_test --project-dir dbt_project --profiles-dir dbt_project \
		--target-path "$$data/spark/dbt" --log-path "$$data/spark/dbt"

test: $(VENV)/.installed ## Run the tests, in two processes (PROCESSES=...)
	@$(BIN)/python -m pytest -m "not slow and not spark and not bi" -n $(PROCESSES) --dist loadfile

test-slow: $(VENV)/.installed ## Run the tests that take minutes each (SLOW=file: those of one file)
	@$(BIN)/python -m pytest -m slow $(SLOW)

test-spark: $(SPARK_VENV)/.installed ## Build on DuckDB and on Spark, and compare row by row (needs Java)
	@$(BIN)/python -m pytest -m spark tests/spark

tests/node/node_modules: tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed, for instance Debian's npm" >&2; exit 1; }
	@cd tests/node && npm ci --silent --no-audit --no-fund && touch node_modules

node: tests/node/node_modules ## Install the validators of LookML and Metabase's files, which tests use when they are there

docs: $(VENV)/.installed ## Write dbt's documentation with lineage, as one page: data/docs/index.html (EXAMPLE=...)
	@set -a && . ./$(SETTINGS) && set +a && data="$$(realpath -m "$$LOS_DATA_DIR")" && mkdir -p "$$data/docs" \
		&& LOS_LAKE_DIR="$$data/lake" LOS_WAREHOUSE_PATH="$$data/warehouse/warehouse.duckdb" $(BIN)/dbt --quiet docs generate \
		--static --project-dir dbt_project --profiles-dir dbt_project --target-path "$$data/docs/build" --log-path "$$data/docs/build" \
		&& cp "$$data/docs/build/static_index.html" "$$data/docs/index.html" && echo "$$data/docs/index.html"

# Environments of their own: what Superset and MetricFlow pin must not decide what a run installs.
$(SUPERSET_VENV)/.installed $(METRICFLOW_VENV)/.installed: .venv-%/.installed: requirements-%.lock $(VENV)/.installed
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Installing $* into $(@D) (once; up to five minutes) ..."
	@$(BIN)/uv pip sync --quiet --system-certs --python $(@D)/bin/python --require-hashes requirements-$*.lock \
		|| $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-$*.lock
	@touch $@

test-bi: $(VENV)/.installed $(SUPERSET_VENV)/.installed $(METRICFLOW_VENV)/.installed ## Read the published tables with Superset, MetricFlow and pgjdbc (1 GB)
	@$(BIN)/python -m pytest -m bi tests/end_to_end/test_bi_clients.py

lint: $(VENV)/.installed ## Check style: ruff, sqlfluff, yamllint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --processes 2 dbt_project
	@$(BIN)/yamllint --strict .

format: $(VENV)/.installed ## Rewrite Python and SQL in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --processes 2 dbt_project

types: $(VENV)/.installed ## Check types
	@$(BIN)/mypy

check: lint types test ## All of the above: what a change must pass

bench: $(VENV)/.installed ## Measure: floor and run time of the example, and where the time goes
	@$(BIN)/python -m tests.benchmarks.run

lock: $(VENV)/.installed ## Resolve the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --extra dev --extra examples --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	@$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['spark'], sep='\n')" \
		| $(BIN)/uv pip compile --quiet --constraints requirements.lock --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header - -o requirements-spark.lock

	@for extra in superset metricflow; do \
		$(BIN)/python -c "import sys, tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'][sys.argv[1]], sep='\n')" $$extra \
		| $(BIN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header - -o requirements-$$extra.lock; done

clean: ## Remove what runs have made: data, dbt targets, caches (not .venv, .venv-*)
	@rm -rf data data-* dbt_project/target dbt_project/logs .mypy_cache .ruff_cache .pytest_cache .hypothesis logs
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
