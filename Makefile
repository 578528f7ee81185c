# make run    set up and start the gateway          make test   set up and run every test
# make build  compile what runs for every request   make check  lint, types, import rules
# make plain  remove what is compiled               make bench  CPU cost of translation, and beside a bare proxy
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ROOMS := adapters bandit proxy state
LOOPS := $(shell find bandit proxy -name '*.pxd')
COMPILED := $(shell cat compiled.txt)
NODE := tests/clients/node
AGENTS := tests/clients/agents
PORT ?= 8080
ARGS ?=

# `make plain` stays in force until `make build`: quick changes, debuggers and profilers want plain Python.
BUILT := $(if $(wildcard $(VENV)/.plain),$(VENV)/.installed,$(VENV)/.built)

.PHONY: run demo build test test-plain check bench lock format plain uncompiled fresh clean

run: $(VENV)/.installed fresh
	$(BIN)/meritorder serve --port $(PORT) $(ARGS)

demo: $(VENV)/.installed fresh
	$(BIN)/meritorder demo $(ARGS)

# Requests cost a quarter less from the next start on; takes two to four minutes the first time.
build:
	@rm -f $(VENV)/.plain
	@$(MAKE) --silent $(VENV)/.built

test: $(VENV)/.installed-dev $(BUILT) $(if $(shell command -v npm),$(NODE)/node_modules/.package-lock.json $(AGENTS)/node_modules/.package-lock.json)
	$(BIN)/pytest $(ARGS)

test-plain: $(VENV)/.installed-dev plain
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev build
	$(BIN)/python -m benchmarks.translation
	$(BIN)/python -m benchmarks.gateway $(ARGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes both lock files: every version, with hashes, for every platform.
lock:
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		pyproject.toml --group build --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		pyproject.toml --group build --group dev --group bench -o requirements-bench.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) comes without ensurepip here: on Debian, apt install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The checkout as it stands, as plain Python.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the libraries."
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	MERITORDER_COMPILE=0 $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.built: setup.py compiled.txt $(COMPILED) $(LOOPS) $(LOOPS:.pxd=.py) $(VENV)/.installed
	@echo "Compiling what runs for every request."
	@find $(ROOMS) -name '*.so' -delete
	@$(BIN)/python -W ignore::DeprecationWarning setup.py --quiet build_ext --inplace
	@find $(ROOMS) -name '*.so' -exec touch {} +
	@touch $@

$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	npm ci --prefix $(NODE) --no-audit --no-fund --silent
	@touch $@

# Claude Code and Codex: 200 MB.
$(AGENTS)/node_modules/.package-lock.json: $(AGENTS)/package-lock.json
	npm ci --prefix $(AGENTS) --no-audit --no-fund --silent
	@touch $@

# A library that is older than its source would run in its place.
fresh: | $(VENV)/.installed
	@if [ -e $(VENV)/.built ] && ! $(MAKE) --question --no-print-directory $(VENV)/.built; then \
		echo "What is compiled is older than its source, so this runs as plain Python; \`make build\` compiles again."; \
		$(MAKE) --silent uncompiled; \
	elif [ ! -e $(VENV)/.built ]; then \
		echo "This runs as plain Python; after \`make build\` a request costs a quarter less."; \
	fi

# Everything as plain Python, as on a machine without a compiler, until `make build`.
plain: uncompiled | $(VENV)/bin/python
	@touch $(VENV)/.plain

uncompiled:
	@rm -f meritorder__mypyc.*.so $(VENV)/.built
	@find $(ROOMS) -name '*.so' -delete

clean: uncompiled
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache $(NODE)/node_modules $(AGENTS)/node_modules
	find $(ROOMS) -name '*.c' -delete
