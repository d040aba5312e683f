# make run | test | test-long | lint | conformance | bench | bench-databases | bench-imports | docs | lock | clean.
# All set-up happens by itself: Python >= 3.11, make and a network suffice.
.PHONY: run test test-long lint conformance bench bench-databases bench-imports docs lock clean
SHELL := /bin/sh
# Where it is set, each process of ours compiles all that it imports: a third of the start of a service.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
BENCH_ARGS ?=
CONFORMANCE_ARGS ?=
# One more than there are processors: tests wait for services and disks as much as they work.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))

run: $(VENV)/run.done
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/glancetui $(ARGS); else exec $(BIN)/glancetui serve $(ARGS); fi

test: $(VENV)/dev.done
	@sh tests/backends/install
	$(BIN)/python -m pytest -n $${PYTEST_WORKERS:-$(WORKERS)} --dist loadgroup $(PYTEST_ARGS)

# Every hostile image by every way in, and hours of lives that end anywhere, instead of a share of them.
test-long: $(VENV)/dev.done
	@sh tests/backends/install
	GLANCETUI_LONG_TESTS=1 $(BIN)/python -m pytest -n $${PYTEST_WORKERS:-$(WORKERS)} --dist loadgroup --timeout 7200 \
	  tests/server/hostile tests/images/importing/test_never_stuck.py $(PYTEST_ARGS)

lint: $(VENV)/dev.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The suites that others wrote for the Image API, against ours and against the real Glance.
conformance: $(VENV)/dev.done
	@sh tests/backends/install
	$(BIN)/python -m tests.conformance.suites $(CONFORMANCE_ARGS)

bench: $(VENV)/dev.done
	@sh tests/backends/install
	$(BIN)/python -m benchmarks.run $(BENCH_ARGS)

bench-databases: $(VENV)/dev.done
	@sh tests/backends/install
	$(BIN)/python -m benchmarks.databases $(BENCH_ARGS)

bench-imports: $(VENV)/dev.done
	@sh tests/backends/install
	$(BIN)/python -m benchmarks.imports $(BENCH_ARGS)

docs: $(VENV)/dev.done
	$(BIN)/glancetui config docs > docs/configuration.md

lock: $(VENV)/dev.done
	$(BIN)/python -m pip install -qq uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/run.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/dev.lock
	$(BIN)/uv pip compile requirements/peer.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/peer.lock
	$(BIN)/uv pip compile requirements/suites.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/suites.lock

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "glancetui needs Python 3.11 or newer; none was found. Install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# The editable install is of the package alone: what it needs comes from the lock, with hashes.
$(VENV)/run.done: $(VENV)/bin/python requirements/run.lock pyproject.toml
	@echo "Installing what glancetui needs into $(VENV) …" >&2
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev.done: $(VENV)/run.done requirements/dev.lock
	@echo "Installing what the tests need …" >&2
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache dist
