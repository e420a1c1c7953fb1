# Two commands do everything on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 3
# Hundreds of processes are started by the tests: each would compile everything again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: serve test lint docs bench growth compat soak clean

serve: $(VENV)/server
	$(BIN)/modelkeep serve $(ARGS)

test: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/dev
	$(BIN)/python -m tools.generate_docs

bench: $(VENV)/dev
	$(BIN)/python -m bench $(ARGS)

# Four more environments of about 500 MB each, in .venv-compat.
compat: $(VENV)/dev
	$(BIN)/python -m compat $(ARGS)

growth: $(VENV)/dev
	$(BIN)/python -m bench.growth $(ARGS)

soak: $(VENV)/dev
	MODELKEEP_SOAK=1 $(BIN)/pytest -n $(JOBS) --timeout 3600 $(ARGS)

# Stamp files: the installation is repeated only when what it depends on has changed.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Modelkeep needs Python 3.11 or newer; this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/server: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[server]'
	touch $@

$(VENV)/dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/server

clean:
	rm -rf $(VENV) .venv-compat build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache
