# Every target prepares what it needs: `make test` or `make evaluate` alone work on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

SET ?= arc-agi-1/evaluation
SECONDS ?= 4
SCALE ?= 240
FAULT ?= none
KAGGLE_PYTHON ?= 3.13
PLATFORMS ?= $(foreach glibc,$(shell seq 35 -1 5),manylinux_2_$(glibc)_x86_64) manylinux2014_x86_64 manylinux2010_x86_64 manylinux1_x86_64
COMPETITION ?= arc-prize-2026-arc-agi-2
DRY := $(if $(DRY_RUN),--dry-run)
WORKERS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

# With a language model (POLICY=folder of its weights; PPM=a preference model's) also what it runs on; EXTRA=gpu for vLLM.
EXTRA ?= cpu
KAGGLE_STAMP := $(VENV)/.installed-kaggle
LM_STAMP := $(if $(POLICY),$(VENV)/.installed-$(EXTRA))
LM := $(if $(POLICY),--policy "$(POLICY)") $(if $(PPM),--ppm "$(PPM)")

.DEFAULT_GOAL := help
.PHONY: help install evaluate solve test bench notebook wheelhouse rehearse weights-dataset upload submit check fix clean

help: ## list the targets
	@echo "make TARGET [NAME=value ...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-19s%s\n", $$1, $$2}'

install: $(STAMP) ## make the virtual environment .venv and install the solver (PYTHON=python3)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $(STAMP)

$(VENV)/.installed-%: $(STAMP)
	$(BIN)/python -m pip install --quiet -e '.[$*]'
	@touch $@

evaluate: TASKS ?= 40
evaluate: OUT ?= runs/evaluate
evaluate: $(STAMP) $(LM_STAMP) ## solve and score real tasks (SET=arc-agi-1/evaluation TASKS=40 SECONDS=4 WORKERS=cores OUT=DIR POLICY=weights PPM=weights)
	$(BIN)/arc-solve evaluate --set $(SET) --tasks $(TASKS) --seconds $(SECONDS) --workers $(WORKERS) --out $(OUT) --overwrite $(LM)

solve: OUT ?= runs/solve
solve: $(STAMP) $(LM_STAMP) ## answer your own tasks: make solve TASKS=challenges.json (SECONDS=4 WORKERS=cores OUT=DIR POLICY=weights PPM=weights)
	@test -n "$(TASKS)" || { echo "say which tasks: make solve TASKS=challenges.json"; exit 2; }
	$(BIN)/arc-solve solve --tasks "$(TASKS)" --seconds $(SECONDS) --workers $(WORKERS) --out $(OUT) --overwrite $(LM)

test: $(STAMP) ## run the test suite
	$(BIN)/python -m pytest -q

bench: $(STAMP) ## measure speeds, start times and memory into build/bench.json
	$(BIN)/arc-solve bench --out build/bench.json

notebook: $(STAMP) ## make kaggle_notebook/arc-solver.ipynb from notebook.py
	$(BIN)/python tools/make_notebook.py

wheelhouse: $(STAMP) ## wheels for Kaggle's image into build/kaggle-wheels (KAGGLE_PYTHON=3.13 VLLM=version PLATFORMS=tags)
	$(BIN)/python tools/make_wheelhouse.py --out build/kaggle-wheels --python $(KAGGLE_PYTHON) --with safetensors \
	  $(foreach tag,$(PLATFORMS),--platform $(tag)) $(if $(VLLM),--extra gpu --with vllm==$(VLLM))

rehearse: $(STAMP) ## run the notebook as Kaggle would, offline (SCALE=240 times faster, FAULT=none or names or all)
	$(BIN)/python tools/make_wheelhouse.py --out build/wheelhouse
	$(BIN)/python tools/rehearse.py --time-scale $(SCALE) --fault $(FAULT)

weights-dataset: $(KAGGLE_STAMP) ## bring the weights to Kaggle as a dataset (OWNER=name DRY_RUN=1 to only show it)
	@test -n "$(OWNER)" || { echo "say as whom: make weights-dataset OWNER=your-kaggle-name"; exit 2; }
	PATH="$(BIN):$$PATH" $(BIN)/python tools/kaggle_upload.py weights --owner "$(OWNER)" $(DRY)

upload: $(KAGGLE_STAMP) ## bring wheels, weights and notebook to Kaggle (OWNER=name DRY_RUN=1 to only show it)
	@test -n "$(OWNER)" || { echo "say as whom: make upload OWNER=your-kaggle-name"; exit 2; }
	PATH="$(BIN):$$PATH" $(BIN)/python tools/kaggle_upload.py wheels --owner "$(OWNER)" $(DRY)
	PATH="$(BIN):$$PATH" $(BIN)/python tools/kaggle_upload.py weights --owner "$(OWNER)" $(DRY)
	PATH="$(BIN):$$PATH" $(BIN)/python tools/kaggle_upload.py notebook --owner "$(OWNER)" --competition $(COMPETITION) $(DRY)

submit: $(KAGGLE_STAMP) ## submit a version of the notebook that has run (OWNER=name VERSION=n DRY_RUN=1)
	@test -n "$(OWNER)" -a -n "$(VERSION)" || { echo "say what: make submit OWNER=your-kaggle-name VERSION=3"; exit 2; }
	PATH="$(BIN):$$PATH" $(BIN)/python tools/kaggle_upload.py submit --owner "$(OWNER)" --version $(VERSION) --competition $(COMPETITION) $(DRY)

check: $(STAMP) ## look for faults of style; writes nothing
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check --no-cache .

fix: $(STAMP) ## mend what can be mended of them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and build outputs (not runs/)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
