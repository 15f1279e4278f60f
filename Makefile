# make setup     an environment in .venv
# make study     setup, then the laptop study (ARGS="..." for options, see python studies/data_scale.py --help)
# make test      setup, then lint, types and the tests that take minutes together
# make test-all  the same and the long tests: an hour at most
# make lint      setup, then lint and types

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest -n 2 --dist worksteal

.PHONY: setup study test test-all lint
.DELETE_ON_ERROR:

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

study: setup
	$(BIN)/python studies/data_scale.py $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(PYTEST) -m "not long"

test-all: lint
	$(PYTEST)
