# Two commands do everything on a machine that has Python 3.11+ and make:
#   make run     the echo service at this terminal
#   make test    the tests
# Both make their own .venv first, and touch it again only when pyproject.toml changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-run
DEV    := $(VENV)/.installed-dev
BENCH  := $(VENV)/.installed-bench
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test slow check format bench bench-quick bench-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(STAMP) ## start the echo service (ARGS="..." adds options)
	@$(BIN)/echosvc run -x app:terminal/app:cli $(ARGS)

test: $(DEV) ## run the tests (ARGS="..." adds pytest options)
	@$(BIN)/python -m pytest $(ARGS)

slow: $(DEV) ## the long runs in virtual time
	@$(BIN)/python -m pytest -m slow $(ARGS)

check: $(DEV) ## format, lint and types, changing nothing
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(DEV) ## put the code into its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(BENCH) ## measure everything beside raw trio and others (ten minutes)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(BENCH) ## the budget in under a minute
	@$(BIN)/python -m benchmarks --quick $(ARGS)

bench-check: $(BENCH) ## fail where it has become slower than benchmarks/baseline.json
	@$(BIN)/python -m benchmarks --check $(ARGS)

clean: ## remove the .venv and everything made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"echosvc needs Python 3.11 or newer, and $(PYTHON) is {v.major}.{v.minor}; name another: make PYTHON=python3.12 ...")'
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)

# A stamp is written last, so that an interrupted install is done again.
$(STAMP): pyproject.toml | $(VENV)/bin/python
	@echo "installing echosvc into $(VENV)" >&2
	@$(PIP) install -e .
	@touch $@

$(DEV): pyproject.toml | $(VENV)/bin/python
	@echo "installing echosvc and its test tools into $(VENV)" >&2
	@$(PIP) install -e '.[dev]'
	@touch $@ $(STAMP)

$(BENCH): pyproject.toml | $(VENV)/bin/python
	@echo "installing echosvc and what it is measured beside into $(VENV)" >&2
	@$(PIP) install -e '.[bench]'
	@# Large, and not there for every Python and machine: what does not install is left out.
	@for library in xoscar ray; do $(PIP) install $$library \
		|| echo "$$library does not install here, and is not measured" >&2; done
	@touch $@ $(STAMP)
