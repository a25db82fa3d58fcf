# make run, make test and make lab each work on a fresh clone: the environment is made once, in .venv,
# and made again only when pyproject.toml or constraints.txt change.
# TORCH_INDEX=https://download.pytorch.org/whl/cpu takes torch from there: PyTorch's build without CUDA.

VENV := .venv
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(VENV)/$(BIN)/python
READY := $(VENV)/ready
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
ARGS ?=
PIP := $(PY) -m pip install --disable-pip-version-check
# for lowest and newest, each in an environment of its name
UV = .$@/$(BIN)/uv pip install --python .$@ $(if $(filter lowest,$@),--resolution lowest-direct)
TORCH = $(shell sed -n 's/^ *"\(torch[^"]*\)".*/\1/p' pyproject.toml)

.PHONY: help install run test lab present notebooks slides site handout format checksums pins lowest newest

help:
	@echo "make install    make the environment in .venv, which the others do too (TORCH_INDEX=URL: where torch comes from)"
	@echo "make run        teach the small GPT-2 from human ratings and write a report (ARGS='--help' for its options)"
	@echo "make test       lint, run the tests, then run the notebooks and compare their outputs"
	@echo "make lab        open JupyterLab on your own copies of the notebooks, in my_notebooks/"
	@echo "make present    open a notebook in JupyterLab as slides with live widgets (ARGS='02' for clipped PPO)"
	@echo "make notebooks  run the notebooks and write them with their outputs (ARGS='01' for one)"
	@echo "make slides     write the notebooks as slides with speaker notes, to be shown without Python (slides/)"
	@echo "make site       write the course as web pages, to be read without Python (site/index.html)"
	@echo "make handout    write the zip that students are given, without solutions and answers, in handout/"
	@echo "make format     let ruff rewrite the code"
	@echo "make checksums  record the checksums of data/ after a file there was rebuilt"
	@echo "make pins       ask pip on what each pin of constraints.txt installs, after one was changed (needs a network)"
	@echo "make lowest     test the engine with the lowest versions that pyproject.toml allows, in .lowest (needs a network)"
	@echo "make newest     the same with the newest versions, in .newest"

install: $(READY)

run: $(READY)
	@$(PY) -m course_lib run $(ARGS)

test: $(READY)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m pytest $(ARGS)
	$(PY) -m pytest --nbval notebooks

lab: $(READY)
	@$(PY) -m course_lib.publish.lab $(ARGS)

present: $(READY)
	@$(PY) -m course_lib.publish.present $(ARGS)

notebooks: $(READY)
	@$(PY) -m course_lib.publish.notebooks $(ARGS)

slides: $(READY)
	@$(PY) -m course_lib.publish.slides $(ARGS)

site: $(READY)
	@$(PY) -m course_lib.publish.site $(ARGS)

handout: $(READY)
	@$(PY) -m course_lib.publish.handout $(ARGS)

format: $(READY)
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

checksums: $(READY)
	@$(PY) -m course_lib.training.files.checksums

pins: $(READY)
	@$(PY) tests/shared/pins.py

lowest newest:
	$(PYTHON) -m venv --clear .$@
	.$@/$(BIN)/python -m pip install --disable-pip-version-check uv
	$(if $(TORCH_INDEX),$(UV) --no-deps --index-url "$(TORCH_INDEX)" "$(TORCH)")
	$(UV) -e '.[test]' $(ARGS)
	.$@/$(BIN)/python -m pytest tests/equations tests/training
	.$@/$(BIN)/python -m course_lib run --iterations 2 --batch-size 16 --evaluation-prompts 16

$(READY): pyproject.toml constraints.txt
	@$(or $(PYTHON),python3) -c '$(SUPPORTED)' || { \
		echo "Expected Python 3.11, 3.12 or 3.13, but $(or $(PYTHON),python3) is" \
		"$$($(or $(PYTHON),python3) --version 2>&1 | head -n 1);" \
		"install one of them, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "Installing the course into $(VENV), once; this takes a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --no-deps -c constraints.txt --index-url "$(TORCH_INDEX)" torch)
	$(PIP) -c constraints.txt -e '.[present,test]'
	@touch $(READY)
