# Needs only Python 3.11 or newer and make. Every target builds .venv first, once: from requirements.lock, and those for developers add
# requirements-test.lock.

# Override on the command line: make test PYTEST_ARGS="-k lrn -x"
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c $(NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)
PYTEST_ARGS ?=
BENCH_ARGS ?=
MUTATION_ARGS ?=
STUDIO_ARGS ?=
DEMO_RUN ?= runs/demo
DEMO_ARGS ?= compare fashion-mnist --models hog-svm,lenet,convnet-small --fractions 1 --budget 5m

NEW_ENOUGH := "import sys; sys.exit(sys.version_info < (3, 11))"
BIN := .venv/bin
READY := .venv/.installed
TEST_READY := .venv/.installed-test
BUILDING := .venv/.building
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input $(if $(CI),--quiet --progress-bar off)
FASHION_MNIST = $(BIN)/python -m tools.fashion_mnist
TESTS = pytest -n auto --maxprocesses 8 --dist worksteal
PYTEST = $(BIN)/python -m $(TESTS)
COVERAGE = $(BIN)/python -m coverage
CODE = $(wildcard src tests bench tools)

.DEFAULT_GOAL := help
.PHONY: help install fashion-mnist demo studio test test-slow coverage fire mutation licences check format bench bench-wire lock clean FORCE

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | expand -t 15

install: $(READY)  ## build .venv from requirements.lock (the other targets do it when needed)

fashion-mnist: $(READY)  ## fetch Fashion-MNIST from Debian's package, without root, where this machine has it nowhere
	@$(FASHION_MNIST)

demo: $(DEMO_RUN)/report.html  ## all three generations on Fashion-MNIST, in about 5 minutes, and a report
	@echo "The report: $(DEMO_RUN)/report.html   (to start over: rm -r $(DEMO_RUN); make demo)"

# Where Debian's package cannot be had, alexnet itself tries torchvision's download.
$(DEMO_RUN)/report.html: | $(READY)
	@$(FASHION_MNIST) || true
	$(BIN)/alexnet $(DEMO_ARGS) --out $(DEMO_RUN)

studio: $(READY)  ## everything in the browser, on this computer; Ctrl-C ends it
	@$(BIN)/python -c 'import fastapi, uvicorn, python_multipart, prometheus_client, onnx, onnxruntime, captum' 2>/dev/null \
		|| $(PIP) --constraint requirements-test.lock --no-build-isolation -e '.[serve,export,explain]'
	$(BIN)/alexnet studio $(STUDIO_ARGS)

test: $(TEST_READY)  ## the fast tests, about 4 minutes on 2 cores
	@$(FASHION_MNIST) || true
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: $(TEST_READY)  ## the tests that train for longer
	@$(FASHION_MNIST) || true
	$(PYTEST) -m slow --timeout 1800 $(PYTEST_ARGS)

coverage: $(TEST_READY)  ## which branches of the program the tests take, fast and slow ones together; an hour or two
	@$(FASHION_MNIST) || true
	$(COVERAGE) erase
	-$(COVERAGE) run -m $(TESTS) -m "not slow" --timeout 600 $(PYTEST_ARGS)
	-$(COVERAGE) run -m $(TESTS) -m slow --timeout 3600 $(PYTEST_ARGS)
	$(COVERAGE) combine --quiet
	$(COVERAGE) report

fire: $(TEST_READY)  ## attack the program: kills, full disks, races, changed files; counts into fire.jsonl, in an hour or two
	$(BIN)/python -m tools.fire $(PYTEST_ARGS)

mutation: $(TEST_READY)  ## change one thing at a time in the core modules, and count how often their tests notice; half an hour
	PYTHONPATH=src $(BIN)/python -m tools.mutation $(MUTATION_ARGS)

licences: $(READY)  ## write docs/licences.md: the licence of every package that is installed
	$(BIN)/python -m tools.licences

check: $(TEST_READY)  ## lint, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo

format: $(TEST_READY)  ## fix format and import order
	$(BIN)/ruff format
	$(BIN)/ruff check --select I --fix

bench: $(TEST_READY)  ## measure speed against plain PyTorch; writes bench.json
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-wire: $(TEST_READY)  ## measure the layouts over a shaped network, as root with iproute2; half an hour
	$(BIN)/python -m bench.wire $(BENCH_ARGS)

lock: $(TEST_READY)  ## write both locks from what .venv holds now
	@$(BIN)/python -m tools.lock && touch $(READY) && touch $(TEST_READY)

clean:  ## remove what make built; runs/ stays
	rm -rf .venv dist bench.json .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -exec rm -rf {} +

# $(BUILDING) holds the process that installs. Left behind by one that was killed, it marks a .venv that may hold half a package, which pip
# would take for whole: that .venv is built again, whatever was asked for.
ifneq ($(wildcard $(BUILDING)),)
$(READY): FORCE
endif
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

$(TEST_READY): requirements-test.lock $(READY)
	@[ ! -e $(BUILDING) ] || $(MAKE) --no-print-directory $(READY)
	@echo $$PPID > $(BUILDING)
	@$(PIP) -r requirements-test.lock || { rm -f $(BUILDING); exit 1; }
	@rm -f $(BUILDING) && touch $@
