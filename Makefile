# Two commands from a fresh clone: make demo, make test. They need Python >= 3.11 with pip, and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Python compiles what is imported, once; pip would compile all of it, which takes as long as everything else.
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --no-compile --constraint constraints.txt
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test install lint bench clean

demo: $(VENV)/core.stamp  ## simulate a small sky, find its galaxies, write demo/report.html
	$(BIN)/tessellar demo --out demo

# Tests keep compiled kernels in the checkout; the demo keeps them where the program will look for them.
test: export NUMBA_CACHE_DIR := $(CURDIR)/.numba_cache
test: install  ## the whole test suite; some of it with ARGS="-k catalogue"
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal $(ARGS)

install: $(VENV)/dev.stamp  ## everything that tests and checks need

lint: install  ## style, types and import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/core.stamp  ## voxels a second, whole and by stage
	$(BIN)/python -m benchmarks

clean:  ## remove what the other targets made
	rm -rf $(VENV) .numba_cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist demo bench

$(VENV)/pip.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tessellar needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/core.stamp: $(VENV)/pip.stamp pyproject.toml constraints.txt
	$(PIP) --quiet --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) --quiet --editable . --group dev
	@touch $@
