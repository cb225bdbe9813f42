# Everything that people and CI do here. `make help` lists it.
VENV   ?= .venv
PYTHON ?= python3
PART   ?= part1

BIN := $(abspath $(VENV))/bin
# nbgrader calls helpers of its own (alembic) by name, so the environment must be on the path.
export PATH := $(BIN):$(PATH)
# Graded cells run on one thread each.
export MPLBACKEND ?= agg

INSTALLED := $(VENV)/.installed
RELEASE   := release/$(PART)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-real lint format release class grade feedback table figures lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## set up .venv with everything (VENV=… and PYTHON=… choose others)

$(INSTALLED): pyproject.toml helpers/pyproject.toml requirements.lock .ci/install
	@VENV=$(VENV) PYTHON=$(PYTHON) .ci/install
	@touch $@

demo: $(INSTALLED)  ## build the release, make a sample class, grade it, show the table
	@python -m tests.samples.demo

test: $(INSTALLED)  ## the test suite (minutes)
	@pytest -n 2 -m "not slow and not real_data"

test-all: $(INSTALLED)  ## the test suite with its slow tests
	@pytest -n 2 -m "not real_data"

test-real: $(INSTALLED)  ## Part I on the real MNIST: LAB_DATA=folder make test-real
	@pytest -m real_data

lint: $(INSTALLED)  ## style, formatting and types
	@ruff check . && ruff format --check . && mypy

format: $(INSTALLED)  ## let ruff mend what it can
	@ruff check --fix . && ruff format .

release: $(INSTALLED)  ## build release/ from source/ with nbgrader
	@python -m grading release $(PART)

class: $(INSTALLED)  ## write a sample class into submitted/
	@python -m tests.samples $(PART)

grade: $(INSTALLED)  ## grade submitted/ with stock nbgrader (no sandbox)
	@nbgrader autograde $(PART)
	@python -m grading show $(PART)

feedback: $(INSTALLED)  ## write a page of feedback a student into feedback/
	@nbgrader generate_feedback $(PART) --force

table: $(INSTALLED)  ## show names, scores and reasons of what was graded
	@python -m grading show $(PART)

figures: $(INSTALLED)  ## run Part I in full and keep its figures and numbers in docs/: LAB_DATA=folder make figures
	@python benchmarks/part1.py

lock: $(INSTALLED)  ## resolve requirements.lock anew (versions and hashes, no addresses)
	@uv pip compile pyproject.toml helpers/pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet \
	    --no-emit-package digits-and-garments-helpers -o requirements.lock

clean:  ## remove what grading wrote (submissions, grades, feedback), not the environment
	@git clean -qfdX submitted autograded feedback gradebook.db .nbgrader.log
