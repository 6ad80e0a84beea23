# Everything a person, the pre-commit hook and CI run. `make demo` and `make test` make the environment themselves.

PYTHON     ?= python3
UV_VERSION := 0.13.9
VENV       := .venv
BIN        := $(VENV)/bin
INSTALLED  := $(VENV)/.installed

# uv does not read pip's configuration: hand it the same places (a CPU wheel of torch may be there), and name none here.
pip_config   = $(shell $(PYTHON) -m pip config get $(1) 2>/dev/null)
export UV_FIND_LINKS    := $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS),$(call pip_config,global.find-links))
export UV_DEFAULT_INDEX := $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(call pip_config,global.index-url),https://pypi.org/simple)

# Compiled modules are kept: the heavy imports are several times faster from then on.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test lint format bench bench-guard bench-ledger leaks soak offline index lock clean

help:
	@echo "make demo     run the main job on embedded defaults (first time: installs what it needs)"
	@echo "make test     run the tests"
	@echo "make lint     format check, lint, types, import contracts"
	@echo "make format   write the format"
	@echo "make bench    benchmarks; each prints a table"
	@echo "make bench-guard  the guardrails: quality, speed, streams, stand-ins, each beside a named peer"
	@echo "make bench-ledger  the ledger: appends beside named peers, and queries as it grows to 5 million entries (half an hour)"
	@echo "make soak     kill -9 each part at ten random moments, let it go on, compare with an unbroken run; fuzz the guards"
	@echo "make leaks    plant personal data, crash every stage, search the whole home (minutes)"
	@echo "make offline  demo and tests with only the loopback interface up, every network call traced"
	@echo "make index    write the schemas, the guides' list of keys and the README's line for each file anew"
	@echo "make lock     resolve the lock file anew"
	@echo "make clean    stop the servers, remove the environment and all state"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	@echo "== making the environment in $(VENV) (about half a minute with a warm package cache)"
	@start=$$(date +%s); \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install -qqq --disable-pip-version-check uv==$(UV_VERSION) && \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable '.[dev]' && \
	$(BIN)/python -m compileall -q $(addprefix $(VENV)/lib/python*/site-packages/,typer click rich pydantic) >/dev/null && \
	touch $@ && \
	echo "== environment ready in $$(( $$(date +%s) - start )) s"

demo: $(INSTALLED)
	@$(BIN)/sluice demo

test: $(INSTALLED)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=25

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

leaks: $(INSTALLED)
	@$(BIN)/python -m pytest -m long tests/leaks

bench: $(INSTALLED)
	@for file in tests/bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

bench-ledger: $(INSTALLED)
	@$(BIN)/python tests/bench/bench_ledger.py
	@$(BIN)/python tests/bench/ledger/size.py

bench-guard: $(INSTALLED)
	@$(BIN)/python -P tests/bench/guard/all.py

soak: $(INSTALLED)
	@$(BIN)/python tests/soak/kills.py --times 10
	@$(BIN)/python tests/soak/ledger_kills.py --times 300
	@$(BIN)/python tests/soak/unsynced.py --cuts 300
	@$(BIN)/python tests/soak/unsynced.py --cuts 300 --fail-every 9
	@$(BIN)/python tests/soak/unsynced_postgres.py --cuts 30
	@$(BIN)/python tests/soak/ledger_gateways.py --gateways 4 --seconds 120
	@$(BIN)/python tests/soak/fuzz_guards.py --inputs 1000000 --through-models 20000

offline: $(INSTALLED)
	@bash tests/offline/run.sh

index: $(INSTALLED)
	@$(BIN)/sluice schema pipeline --write flows/pipelines 2>/dev/null
	@for kind in guardrails expectations gates access; do $(BIN)/sluice schema $$kind --write policies/rules/$$kind 2>/dev/null; done
	@$(BIN)/python tests/guide_reference.py
	@$(BIN)/python tests/readme_index.py

# torch is locked by version alone: the wheel that a machine brings through its pip configuration is another file than the index's.
lock: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --all-extras --generate-hashes --no-header \
		--annotation-style line --output-file requirements.lock pyproject.toml
	awk '/^torch==/ {sub(/\+cpu/, ""); sub(/ *\\$$/, ""); print; skip = 1; next} skip && /^[ \t]+(--hash|#)/ {next} {skip = 0; print}' \
		requirements.lock > requirements.lock.new && mv requirements.lock.new requirements.lock

clean:
	@if [ -x $(BIN)/sluice ]; then $(BIN)/sluice down || true; fi
	rm -rf $(VENV) .sluice build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
