# Two verbs do everything: `make run` and `make test`. Both make .venv/ and install what they need into it.
PYTHON ?= python3
PORT ?= 8004
HOST ?= 127.0.0.1
STATE ?= var
BIN := .venv/bin
# one test process more than there are cores, as much of a test is waiting; tests/spreading.py gives out files
SPREAD := -n $(shell expr $$(nproc) + 1) --dist loadfile --no-loadscope-reorder

.PHONY: run test soak lint unit browser bench clean

run: .venv/run  ## the console at http://HOST:PORT; the first start prints the set-up link
	@exec $(BIN)/raa serve --state "$(STATE)" --host "$(HOST)" --port "$(PORT)"

test: lint .venv/chromium  ## everything: linters, types, layers, unit to browser tests
	$(BIN)/pytest $(SPREAD)

soak: .venv/soak .venv/chromium  ## the full counts of what `make test` samples
	RAA_SOAK=1 $(BIN)/pytest $(SPREAD)

lint: .venv/test  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: .venv/test  ## the fast tests alone
	$(BIN)/pytest $(SPREAD) tests/unit tests/contract

browser: .venv/test .venv/chromium  ## the tests in a real Chromium alone
	$(BIN)/pytest tests/browser

bench: .venv/test  ## ours and the peers in one run, with ratios; takes about an hour
	$(BIN)/python -m benchmarks

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "raa needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

.venv/run: .venv/made pyproject.toml setup.py
	@echo "installing raa into .venv/ ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: .venv/run
	@echo "installing what the tests need into .venv/ ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.venv/soak: .venv/test
	@echo "installing what the full counts need into .venv/ ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,soak]'
	@touch $@

# Chromium is Debian's; installed where we may, else the command is named
.venv/chromium: .venv/test
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  { echo "the browser tests need Chromium: apt-get install chromium" >&2; exit 2; }
	@touch $@

clean:  ## remove the environment and caches; state folders stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
