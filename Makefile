# make run    set up and start the gateway          make check   lint, types, import rules
# make test   set up and run every test             make bench   CPU cost of translation, and beside a bare proxy
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ROOMS := adapters bandit proxy state
LOOPS := $(wildcard bandit/*.pxd proxy/*.pxd)
COMPILED := $(shell cat compiled.txt)
PORT ?= 8080
ARGS ?=

.PHONY: run demo test check bench lock format plain clean

run: $(VENV)/.installed
	$(BIN)/meritorder serve --port $(PORT) $(ARGS)

demo: $(VENV)/.installed
	$(BIN)/meritorder demo $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
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

# Compiling takes a minute or two, and its tools stand in the lock file with everything else.
$(VENV)/.installed: requirements.lock pyproject.toml setup.py compiled.txt $(COMPILED) $(LOOPS) $(LOOPS:.pxd=.py) | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(MAKE) --silent plain
	@echo "Compiling what runs for every request; this takes a minute or two."
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@find $(ROOMS) -name '*.so' -exec touch {} +
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Everything as plain Python, as on a machine without a compiler: for profilers, debuggers and quick changes. After it
# use $(BIN)/pytest and $(BIN)/meritorder; the other targets compile again.
plain:
	rm -f meritorder__mypyc.*.so $(VENV)/.installed
	find $(ROOMS) -name '*.so' -delete

clean: plain
	rm -rf $(VENV) build bandit/*.c proxy/*.c *.egg-info .mypy_cache .ruff_cache .pytest_cache
