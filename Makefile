# Everything that people and CI do here. `make help` lists it.
VENV   ?= .venv
PYTHON ?= python3
PART   ?= part1

# ENV=active uses the environment that is active (conda, or one of yours) and installs nothing.
ifeq ($(ENV),active)
BIN       := $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))')
INSTALLED :=
else
BIN       := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
INSTALLED := $(VENV)/.installed
endif
PY := "$(BIN)/python"
# nbgrader calls helpers of its own (alembic) by name, so the environment must be on the path.
export PATH := $(BIN):$(PATH)

# A file's tests share what they have set up. Half of the time they wait, so there are more workers than cores. In the
# order of their names the long ones are not left for the end.
SPREAD = -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-real fuzz lint format release class grade grade-stock doctor feedback table figures bench-kernels bench-grading bench-copies lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## set up .venv with everything (VENV=… and PYTHON=… choose others)

$(VENV)/.installed: pyproject.toml helpers/pyproject.toml requirements.lock .ci/install
	@VENV="$(VENV)" PYTHON="$(PYTHON)" .ci/install
	@touch "$@"

demo: $(INSTALLED)  ## build the release, make a sample class, grade it, show the table
	@$(PY) -m tests.samples.demo $(PART)

test: $(INSTALLED)  ## the test suite (minutes)
	@$(PY) -m pytest $(SPREAD) -m "not slow and not real_data"

test-all: $(INSTALLED)  ## the test suite with its slow tests
	@$(PY) -m pytest $(SPREAD) -m "not real_data"

test-real: $(INSTALLED)  ## the notebooks on the real data: LAB_DATA=folder make test-real
	@test -n "$$LAB_DATA" || { echo "Say where the real MNIST lies: LAB_DATA=folder make test-real"; exit 1; }
	@$(PY) -m pytest -m real_data

fuzz: $(INSTALLED)  ## throw bytes at the decoder of answers for five minutes (needs: pip install atheris)
	@$(PY) -m tests.fuzz_decoder -max_total_time=300 -rss_limit_mb=2048 -timeout=5

lint: $(INSTALLED)  ## style, formatting and types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

format: $(INSTALLED)  ## let ruff mend what it can
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

release: $(INSTALLED)  ## build release/ from source/ with nbgrader
	@$(PY) -m grading release $(PART)

class: $(INSTALLED)  ## write a sample class into submitted/
	@$(PY) -m tests.samples $(PART)

# The gradebook must know the release before anything can be graded by it. The table comes even where a submission
# could not be graded; it says so.
TABLE = status=$$?; $(PY) -m grading show $(PART); exit $$status

grade: release  ## grade submitted/ in the sandbox, by exams out of its reach
	@$(PY) -m grading doctor --brief || { echo "make grade-stock grades without a sandbox, with your rights."; exit 1; }
	@$(PY) -m grading run $(PART); $(TABLE)

grade-stock: release  ## grade submitted/ with nbgrader alone (no sandbox)
	@$(PY) -m nbgrader autograde $(PART); $(TABLE)

doctor: $(INSTALLED)  ## say whether submissions can be run in the sandbox here, and what to do where they can't
	@$(PY) -m grading doctor

feedback: $(INSTALLED)  ## write a page of feedback a student into feedback/
	@$(PY) -m nbgrader generate_feedback $(PART) --force

table: $(INSTALLED)  ## show names, scores and reasons of what was graded
	@$(PY) -m grading show $(PART)

figures: $(INSTALLED)  ## run a part on the real data, keep its figures and numbers in docs/: LAB_DATA=folder make figures
	@$(PY) -m benchmarks.$(PART)

bench-kernels: $(INSTALLED)  ## what a kernel costs: stock, forked, forked into the sandbox; kept in docs/
	@$(PY) -m benchmarks.kernels --write

bench-grading: $(INSTALLED)  ## what grading costs: stock nbgrader, the engine, and the floor; kept in docs/
	@$(PY) -m benchmarks.grading costs --write

bench-copies: $(INSTALLED)  ## the memory of a run of 300 submissions; kept in docs/
	@$(PY) -m benchmarks.grading copies --write

lock: $(INSTALLED)  ## resolve requirements.lock anew (versions and hashes, no addresses)
	@$(PY) -m uv pip compile pyproject.toml helpers/pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet \
	    --no-emit-package digits-and-garments-helpers -o requirements.lock

clean: $(INSTALLED)  ## remove the sample class and its grades; real students' work stays
	@$(PY) -m tests.samples --remove
