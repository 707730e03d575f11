# make run · make test · make check · make screenshots: each creates .venv itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check screenshots wheel lock clean

run: $(READY)
	@$(BIN)/membench-tui $(ARGS)

# Two processes, one per core. `loadgroup` keeps the tests of a group, such as "measures", in one process.
test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

screenshots: $(READY)
	@$(BIN)/python benchmarks/screenshots.py

wheel: $(READY)
	@$(BIN)/python -m hatchling build -t wheel

# The stamp is written last, so the next command repeats a set-up that was interrupted.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "membench-tui needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (about a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . >&2
	@$(BIN)/python -m compileall -q app backends
	@touch $(READY)

# Pin exact versions for every supported Python, without the address of a package index. Needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --extra dev --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) dist
