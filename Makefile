# Needs only Python 3.11 or newer and make. Every target builds .venv from requirements.lock first, once.

# Override on the command line: make test PYTEST_ARGS="-k lrn -x"
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c $(NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)
PYTEST_ARGS ?=
BENCH_ARGS ?=
DEMO_RUN ?= runs/demo
DEMO_ARGS ?= compare fashion-mnist --models hog-svm,lenet,alexnet-cifar-fast --fractions 1 --budget 5m

NEW_ENOUGH := "import sys; sys.exit(sys.version_info < (3, 11))"
BIN := .venv/bin
READY := .venv/.installed
BUILDING := .venv/.building
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input $(if $(CI),--quiet --progress-bar off)
CODE = $(wildcard src tests bench)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow check format bench bench-wire lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | expand -t 12

install: $(READY)  ## build .venv from requirements.lock (the other targets do it when needed)

demo: $(DEMO_RUN)/report.html  ## all three generations on Fashion-MNIST, in about 5 minutes, and a report
	@echo "The report: $(DEMO_RUN)/report.html   (again from nothing: rm -r $(DEMO_RUN); make demo)"

$(DEMO_RUN)/report.html: | $(READY)
	$(BIN)/alexnet $(DEMO_ARGS) --out $(DEMO_RUN)

test: $(READY)  ## the fast tests, under 5 minutes on 2 cores
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-slow: $(READY)  ## the tests that train for longer
	$(BIN)/python -m pytest -m slow --timeout 1800 $(PYTEST_ARGS)

check: $(READY)  ## lint, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo

format: $(READY)  ## mend format and import order
	$(BIN)/ruff format
	$(BIN)/ruff check --select I --fix

bench: $(READY)  ## measure speed against plain PyTorch; writes bench.json
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-wire: $(READY)  ## measure the layouts over a shaped network, as root with iproute2; half an hour
	$(BIN)/python -m bench.wire $(BENCH_ARGS)

# torch itself names the CUDA packages it was built with, so they are left out; colorama is needed on Windows alone.
lock: $(READY)  ## write requirements.lock from what .venv holds now
	@sed '/^[^#]/,$$d' requirements.lock > .venv/lock
	@$(BIN)/python -m pip freeze --all --exclude-editable > .venv/frozen
	@grep -E '^(torch|torchvision)==' .venv/frozen >> .venv/lock
	@{ grep -viE '^(torch|torchvision|pip|triton|(nvidia|cuda)-[a-z0-9-]*)(==| @)' .venv/frozen; echo 'colorama==0.4.6; sys_platform == "win32"'; } \
		| LC_ALL=C sort -f >> .venv/lock
	@mv .venv/lock requirements.lock && touch $(READY)

clean:  ## remove what make built; runs/ stays
	rm -rf .venv dist bench.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -exec rm -rf {} +

# $(BUILDING) holds the process that installs. Left behind by one that was killed, it marks a .venv that may hold half a package, which pip
# would take for whole: that .venv is built anew.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c $(NEW_ENOUGH) \
		|| { echo "make: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@while builder=$$(cat $(BUILDING) 2>/dev/null) && kill -0 "$$builder" 2>/dev/null; do \
		[ -n "$$told" ] || echo "Waiting for process $$builder, which builds .venv (if it does not: rm $(BUILDING))"; told=yes; sleep 1; \
	done
	@if [ -e $(BUILDING) ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
			|| { echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
		echo "Building .venv (PyTorch is a large download; this happens once)"; \
		rm -rf .venv && mkdir .venv && echo $$PPID > $(BUILDING) && $(PYTHON) -m venv .venv; \
	fi
	@echo $$PPID > $(BUILDING)
	@$(PIP) -r requirements.lock || { rm -f $(BUILDING); exit 1; }
	@$(PIP) --no-deps --no-build-isolation -e . || { rm -f $(BUILDING); exit 1; }
	@rm -f $(BUILDING) && touch $@
