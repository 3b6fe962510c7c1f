# `make demo` and `make test` work on a new checkout with Python 3.11 or newer.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   := demo
SITE   := site

# Plugin packages, which are installed with serbench and tested separately.
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

FAST := not slow and not services

# What pages for browsers consist of, and where npm installs it.
WEB := .services
WEB_PACKAGE = $(shell sed -n 's/^PACKAGE, VERSION = "\(.*\)", "\(.*\)"/\1@\2/p' serbench/deploy/page.py)

# What finds faults of accessibility in the pages of a site.
AXE_PACKAGE := axe-core@4.14.1

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint types layers unit plugin-tests fuzz test-slow test-services docs docs-site docs-serve site bench bench-peers clean

help:
	@echo "make demo       install, synthesise the demo corpus, search three networks, rank them"
	@echo "make test       install, check style, types and layers, run the tests"
	@echo "make fuzz       read 5,000 mutated recordings and thousands of other mutated files"
	@echo "make test-slow  run the tests that take minutes"
	@echo "make test-services  install a browser and Ray, and run the tests that need them"
	@echo "make docs       write the reference pages that are made from the code"
	@echo "make site       build the site of the published results in site/pages"
	@echo "make docs-site  build the documentation as a site in docs-site/, without a network"
	@echo "make docs-serve build it and serve it at http://127.0.0.1:8000"
	@echo "make bench      measure speed and write benchmarks/RESULTS.md (needs an idle machine)"
	@echo "make bench-peers  install autrainer and nkululeko and compare their speed with serbench"
	@echo "make clean      remove the virtual environment and the output of the demo"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,postgresql]' \
		$(PLUGINS:%=--editable './%[test]')
	@touch $@ $(VENV)/installed

$(VENV)/installed-services: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[services]'
	@touch $@

$(WEB)/installed: serbench/deploy/page.py Makefile
	@mkdir -p $(WEB)
	@{ command -v chromium && command -v npm || \
		{ apt-get -qq update && apt-get -qq install --yes chromium nodejs npm; }; } > /dev/null || \
		{ echo "These tests need Chromium and npm: install the packages chromium, nodejs, npm."; exit 1; }
	@npm install --silent --no-save --prefix $(WEB) $(WEB_PACKAGE) $(AXE_PACKAGE) || \
		{ echo "npm cannot install $(WEB_PACKAGE) and $(AXE_PACKAGE): these tests need the npm registry."; exit 1; }
	@touch $@

demo: export SERBENCH_CACHE := $(CURDIR)/$(DEMO)/cache
demo: export SERBENCH_DB := $(CURDIR)/$(DEMO)/serbench.db
demo: $(VENV)/installed
	@mkdir -p $(DEMO)
	$(BIN)/serbench study run --backbone homebrew --protocol speaker-3 --trials 2 --epochs 25 \
		--level keep
	$(BIN)/serbench study run --backbone test_efficientnet --weights none --protocol speaker-3 \
		--trials 1 --epochs 12 --level keep
	$(BIN)/serbench study run --backbone whisper_tiny.en --protocol speaker-3 --trials 2 \
		--level keep || echo "the demo goes on without the encoder of Whisper"
	$(BIN)/serbench leaderboard

test: lint types layers unit plugin-tests

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	$(BIN)/mypy
	for plugin in $(PLUGINS); do $(BIN)/mypy $$plugin/serbench_* || exit 1; done

layers: $(VENV)/installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "$(FAST)" \
		--ignore tests/services

plugin-tests: $(VENV)/installed-dev
	for plugin in $(PLUGINS); do \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile \
			-c $$plugin/pyproject.toml $$plugin -m "$(FAST)" || exit 1; \
	done

fuzz: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/audio.py --files 5000
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python tests/fuzz/models.py --cases 300
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/texts.py --cases 1000 --seed 1 --kind study
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/texts.py --cases 1000 --seed 2 --kind study
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/texts.py --cases 300

test-slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -c plugins/serbench-speech-ssl/pyproject.toml \
		plugins/serbench-speech-ssl -m slow

# Ray leaves files of its processes open until Python ends, which are no faults of the tests.
test-services: $(VENV)/installed-services $(WEB)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m services tests/services \
		--ignore tests/services/test_ray.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m services tests/services/test_ray.py \
		-W ignore::pytest.PytestUnraisableExceptionWarning

docs-site: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open docs-site/index.html, or \`make docs-serve\` for the search"

site: $(VENV)/installed-dev
	@mkdir -p $(SITE)
	gzip -dc leaderboard/results.db.gz > $(SITE)/results.db
	$(BIN)/serbench publish $(SITE)/pages --db $(SITE)/results.db

docs-serve: docs-site
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory docs-site 8000

docs: $(VENV)/installed-dev
	$(BIN)/python docs/generate.py

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/report.py

bench-peers: $(VENV)/installed-dev
	$(BIN)/python benchmarks/report.py peers

clean:
	rm -rf $(VENV) $(DEMO) $(WEB) $(SITE) docs-site
