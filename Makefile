# Everything runs in one virtual environment, .venv, made from the first Python of 3.11 to 3.13 that really runs.
VENV := .venv
BIN := $(VENV)/bin
SUITED := import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUITED)' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
NATIVE := $(wildcard ddspfx/signal/native/*.cc ddspfx/signal/native/*.h ddspfx/signal/native/build.py)
ARGS ?=

.PHONY: demo test check check-law format notebooks bench clean

demo: $(VENV)/.plain  ## hear and read the demo: demo/report.html
	$(BIN)/ddspfx demo $(ARGS)

test: $(VENV)/.test  ## every test but the law's whole matrix
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not matrix" $(ARGS)

check: $(VENV)/.dev  ## linter, formatter, types; seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-law: $(VENV)/.test  ## the whole matrix of channels, rates, times and splits for every block; an hour or more
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m matrix $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(VENV)/.notebooks  ## every notebook, from top to bottom
	$(BIN)/python -m pytest --nbmake -p no:cacheprovider notebooks $(ARGS)

bench: $(VENV)/.bench  ## every kernel beside its peers, under ten minutes: benchmarks/results/quick.md
	$(BIN)/python -m benchmarks --quick $(ARGS)

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.plain: EXTRA =
$(VENV)/.test: EXTRA = [test]
$(VENV)/.dev: EXTRA = [dev]
$(VENV)/.bench: EXTRA = [bench]
$(VENV)/.notebooks: EXTRA = [notebooks]
$(VENV)/.plain $(VENV)/.test $(VENV)/.dev $(VENV)/.bench $(VENV)/.notebooks: pyproject.toml $(NATIVE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRA)'
	touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "ddspfx needs Python 3.11, 3.12 or 3.13 with venv: install one (on Debian and Ubuntu: apt install python3-venv)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
