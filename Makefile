# The workbook's commands. Needed beforehand: make and Python 3.11 or newer; everything else goes into .venv.

PYTHON ?= python3
DEVICE ?=
DATA ?=
LAB_ARGS ?=
PYTEST_ARGS ?=
LOCK_ARGS ?=

BIN := .venv/bin
READY := .venv/.helpers
PRINTED := convolutions epochs
WRITTEN := $(filter-out $(PRINTED),$(basename $(notdir $(wildcard benchmarks/[a-z]*.py))))

.PHONY: help lab test test-all notebooks real bench badges lock clean
.PHONY: known-device given-data

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

lab: $(READY) ## open the workbook in JupyterLab
	$(BIN)/jupyter lab --ServerApp.ip=localhost $(LAB_ARGS) notebooks/00_start_here.ipynb

# The workers share the cores: a thread of torch's that waits must not spin.
test: known-device $(READY) ## style, units, exercises, notebooks, browser (DEVICE=cuda on a GPU, PYTEST_ARGS="-k shapes" for a part)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	WORKBOOK_DEVICE="$(DEVICE)" OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 3 --dist loadscope \
		--nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg $(PYTEST_ARGS)

test-all: override PYTEST_ARGS += -m ""
test-all: export WORKBOOK_SEEDS ?= 6
test-all: test ## the same, and the tests that take minutes

notebooks: $(READY) ## build and run notebooks/*.ipynb from notebooks/src/*.py
	$(BIN)/python notebooks/build.py

real: known-device given-data $(READY) ## run the notebooks on real CIFAR-10 and MNIST, hold each claim: make real DATA=DIR
	$(BIN)/python notebooks/real.py --data "$(DATA)" $(if $(DEVICE),--device "$(DEVICE)")

bench: $(READY) ## measure what is fast and how fast; print it, and write the tables of the README
	@set -e; for name in $(PRINTED); do $(BIN)/python -m benchmarks.$$name; done
	@set -e; for name in $(WRITTEN); do $(BIN)/python -m benchmarks.$$name --write; done

badges: $(READY) ## write the README's links from the Repository address in pyproject.toml
	$(BIN)/python notebooks/badges.py

# Pins stay as they are where pyproject.toml still allows them; LOCK_ARGS=--upgrade takes the newest.
# A release must be a week old: move the day forward by hand.
lock: $(READY) ## write requirements.txt anew from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
		--exclude-newer 2026-11-14 --custom-compile-command "make lock" --quiet $(LOCK_ARGS) \
		pyproject.toml -o requirements.txt

clean: ## remove .venv and the caches; your data, your progress and your notebooks stay
	rm -rf .venv .pytest_cache .ruff_cache build *.egg-info
	find helpers tests notebooks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# What can be said before anything is installed.
known-device:
	@case "$(DEVICE)" in ''|cpu|cuda) ;; *) echo 'DEVICE is $(DEVICE): it must be cpu or cuda.' >&2; exit 2;; esac

given-data:
	@test -n "$(DATA)" || { echo 'make real needs the folder that holds CIFAR-10 and MNIST: make real DATA=DIR' >&2; exit 2; }
	@test -d "$(DATA)" || { echo 'DATA is $(DATA), and there is no such folder: it must hold CIFAR-10 and MNIST.' >&2; exit 2; }

.venv/.lock: requirements.txt
	@test -n "$(PYTHON)" || { echo 'PYTHON is empty: leave it out, or name a Python: make lab PYTHON=python3.12' >&2; exit 2; }
	@command -v "$(PYTHON)" >/dev/null || { echo '$(PYTHON) was not found: install Python 3.11 or newer, or name it: make lab PYTHON=python3.12' >&2; exit 2; }
	@"$(PYTHON)" -c 'print("Python")' 2>/dev/null | grep -q Python || { echo '$(PYTHON) is not Python: install Python 3.11 or newer, or name it: make lab PYTHON=python3.12' >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and "$(PYTHON) is Python %d.%d and the workbook needs 3.11 or newer: install it, or name it: make lab PYTHON=python3.12" % v)'
	@echo 'Installing the packages of requirements.txt into .venv: the first time, this takes some minutes.'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements.txt
	@touch $@

.venv/.helpers: .venv/.lock pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	$(BIN)/jupyter labextension disable "@jupyterlab/apputils-extension:announcements"
	@touch $@
