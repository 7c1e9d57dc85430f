# `make help` lists the targets. A laptop and CI run the same commands.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CONTROLLER ?= nginx
N ?= 1000
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PLAYBOOK := $(BIN)/ansible-playbook
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ingresskit needs Python 3.11 or newer; $(PYTHON) is older. Run: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@echo "installing the locked dependencies into $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing. On Debian and Ubuntu run: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.PHONY: setup
setup: $(READY) ## The virtual environment with the locked dependencies

.PHONY: cluster
cluster: $(READY) ## The local kind cluster with its images
	@$(BIN)/python -m testbed up --controller $(CONTROLLER)

.PHONY: demo
demo: cluster ## The cafe over verified TLS on the local cluster; CONTROLLER=traefik for Traefik
	@$(PLAYBOOK) site.yml -i inventories/kind -e '{"ingress_controller__demo": {"kind": "$(CONTROLLER)"}}'

.PHONY: test
test: lint unit cluster-test molecule ## Everything CI runs: lint, types, unit, golden, cluster tests, molecule

.PHONY: lint
lint: $(READY) ## ruff, mypy, yamllint, ansible-lint, generated files up to date
	@ruff check .
	@ruff format --check .
	@mypy
	@yamllint --strict .
	@ansible-lint --offline
	@python -m tools.generate --check

.PHONY: unit
unit: $(READY) ## Unit and golden tests: no cluster needed
	@pytest tests/unit tests/golden -m "not slow" -n 2

.PHONY: cluster-test
cluster-test: cluster-images ## Tests on the local cluster; what fails beside the others has to pass alone
	@pytest tests/cluster -m "not slow" -n 4 --dist loadfile || { [ $$? -eq 1 ] && \
	  echo "UNSTEADY: what failed above is run once more, one test at a time" && \
	  pytest tests/cluster -m "not slow" --last-failed --last-failed-no-failures none --maxfail 3; }

.PHONY: matrix
matrix: cluster-images ## docs/reference/options.*: which option works where, as the cluster tests see it
	@pytest tests/cluster/test_options.py --update-matrix

.PHONY: cluster-images
cluster-images: $(READY)
	@python -m testbed up --controller nginx
	@python -m testbed load --controller traefik --metallb --toolkit --gitops

.PHONY: molecule
molecule: cluster-images ## molecule test, on the same cluster
	@molecule test --all

.PHONY: test-long
test-long: test ## What is too slow for every change, too
	@python -m testbed load --sops
	@pytest tests -m slow

.PHONY: benchmark
benchmark: cluster ## Side by side with kubectl, helm and kubernetes.core; N=300 for a small one
	@$(BIN)/python -m benchmarks --objects $(N)

.PHONY: generate
generate: $(READY) ## Argument specs, JSON Schema and reference, from the model
	@python -m tools.generate

.PHONY: sanity
sanity: $(READY) ## ansible-test's sanity tests on the collection as it is installed
	@python -m tools.sanity

.PHONY: collection
collection: $(READY) ## The collection's archive, in dist/; the same bytes from the same commit
	@python -m tools.collection

.PHONY: release
release: $(READY) ## VERSION=1.2.3: sets it wherever it stands, and builds; review, commit and tag are yours
	@python -m tools.release "$(VERSION)"
	@python -m tools.generate
	@python -m tools.collection

.PHONY: docs
docs: $(READY) ## The documentation site, below artifacts/site
	@NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "artifacts/site/index.html"

.PHONY: format
format: $(READY) ## Format and sort
	@ruff check --fix-only --quiet . && ruff format --quiet .

.PHONY: lock
lock: ## requirements.lock anew, from requirements-dev.in; the benchmark's and the container's at the same versions
	@$(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv
	@compile=".cache/uv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  --no-emit-index-url --no-emit-find-links --upgrade"; \
	$$compile -o requirements.lock requirements-dev.in; \
	$$compile -c requirements.lock -o benchmarks/requirements.lock benchmarks/requirements.in; \
	$$compile -c requirements.lock -o container/requirements.txt requirements.in

.PHONY: clean
clean: ## What the project created: cluster, images, environment, artifacts; nothing else
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m testbed clean --cache; fi
	@rm -rf $(VENV) .ansible .cache .mypy_cache .pytest_cache .ruff_cache artifacts dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
