# The two commands are `make demo` and `make test`; the others are their parts.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check benchmarks lock clean

# Set everything up, build the observatory of 31 cities, open its site.
demo: $(VENV)/.ready
	$(BIN)/innovatory demo demo

# Set everything up and run all the tests.
test: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

# The environment to run in, and the one to work in; both only from the hashed locks.
$(VENV)/.ready: requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	touch $@

# Speed, as ratios and against the limits that docs/benchmarks.md states.
benchmarks: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks

# Resolve the locks anew after a change of dependencies.
lock: $(VENV)/.ready-dev
	$(BIN)/pip-compile -q --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --extra postgres \
	  --output-file requirements/runtime.txt pyproject.toml requirements/build.in
	$(BIN)/pip-compile -q --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	  --output-file requirements/dev.txt requirements/dev.in

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
