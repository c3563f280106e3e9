# Every target sets up what it needs: .venv is made on first use, and again when pyproject.toml or constraints.txt changed.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The Python that makes .venv: the first that runs (a pyenv shim may exist without doing so).
PYTHON ?= $(shell for python in python3.11 python3 python; do $$python -c '' 2>/dev/null && echo $$python && break; done)
# Test processes; each keeps to one thread.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 15 --durations-min 1

.DEFAULT_GOAL := help
.PHONY: help demo evidence bench bench-full test test-long test-fast docs lint format release clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

demo: $(READY)  ## A small example from end to end, without network
	$(BIN)/python -m xstilts.demo

# The synthetic world's studies: the grid of one seed, parts of it in three worlds, amounts of parallel text, and retrieval.
STUDY := $(BIN)/python -m xstilts.train -m +experiments
THREE := seed=1,2,3
evidence: $(READY)  ## The synthetic world's studies and their reports: hours
	$(STUDY)=babel study=babel_grid
	$(STUDY)=babel $(THREE) +intermediate=none +target=udpos,xcopa,xquad,xnli,tatoeba,bucc2018
	$(STUDY)=babel $(THREE) +intermediate=squad_v1 +target=xquad
	$(STUDY)=babel $(THREE) +intermediate=mnli +target=xnli
	$(STUDY)=babel $(THREE) +intermediate=hellaswag +target=xcopa
	$(STUDY)=babel $(THREE) +intermediate=none +target=udpos,xcopa pretraining.encoder=false
	$(STUDY)=babel $(THREE) +intermediate=none +target=udpos,xcopa data=babel_families
	$(STUDY)=babel_dose
	$(STUDY)=babel_dose pretraining=mlm data.world.pairs=3000
	$(STUDY)=babel_retrieval $(THREE) +intermediate=none,mnli
	$(STUDY)=babel_retrieval +intermediate=qqp,hellaswag,cosmosqa,commonsenseqa,squad_v1,ccg
	for study in babel babel_grid babel_dose babel_retrieval; do $(BIN)/python -m xstilts.report outputs/$$study; done

bench: $(READY)  ## Speed and memory against peers, small sizes
	$(BIN)/python -m benchmarks

bench-full: $(READY)  ## The same in all sizes; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks --full

test: $(READY)  ## The tests, in 10 to 15 minutes on two cores
	$(PYTEST) -m "not long"

test-long: $(READY)  ## The other tests: SLURM, kills, several sweeps and devices, studies, simulations, all encoders
	$(PYTEST) -m long

test-fast: $(READY)  ## The tests that take less than half a second each: 2 minutes
	$(PYTEST) -m "not slow and not long"

docs: $(READY)  ## The documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --site-dir site

lint: $(READY)  ## Style, types, and the rules of the house; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py
	$(BIN)/pre-commit validate-config

format: $(READY)  ## Mend style where a tool can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

release: $(READY)  ## Check version and changelog, build the wheel in dist/ and the site, and check them; publishes nothing
	@test -z "$$(git status --porcelain)" || { echo "got uncommitted changes, expected a clean tree: commit or remove what \`git status\` shows" >&2; exit 1; }
	@! grep -q '^## \[Unreleased\]' CHANGELOG.md || { \
	  echo "CHANGELOG.md has changes that are not released: give them a version and a date, and raise __version__ and CITATION.cff" >&2; exit 1; }
	@version=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/xstilts/__init__.py); \
	  sed -n 's/^## \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md | head -1 | grep -qxF "$$version" || { \
	  echo "got version $$version in src/xstilts/__init__.py, expected the newest one of CHANGELOG.md: write down there what changed" >&2; exit 1; }
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --wheel-dir dist .
	XSTILTS_WHEEL="$$(echo dist/*.whl)" $(BIN)/python -m pytest -q tests/test_packaging.py
	$(MAKE) docs
	@ls dist/*.whl

clean:  ## Remove .venv and all caches; outputs/ and store/ stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "got $$($(PYTHON) --version), expected Python 3.11 or newer: name one, e.g. make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -e $(VENV) || { \
	  echo "$(VENV) is made, once, with $$($(PYTHON) --version): up to half an hour, and 6 GB of disk with the CUDA build of torch."; \
	  echo "With torch for CPUs it takes 2 GB: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make ..."; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -c constraints.txt -e '.[dev,slurm,bench]'
	@touch $@
