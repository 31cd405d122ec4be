# Everything a fresh clone needs. Requires Python >= 3.11 and make, nothing else.
# Paths are relative on purpose: the tree may stand in a folder with a space in its name.
.DEFAULT_GOAL := help
.PHONY: help demo demo-once test setup check soak guards storm bench docs dist lock clean
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
LOCK := $(PY) -m uv pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Compiled files are kept whatever the environment says: without them each process of the tests reads all source.
unexport PYTHONDONTWRITEBYTECODE

# Other people's clients for tests/interop. Without npm there is nothing to install, and those tests say so.
NODE := tests/interop/node

# The demo is content with any environment that has its packages; the developers' one has them all.
DEMO_READY := $(if $(wildcard $(VENV)/dev.stamp),$(VENV)/dev.stamp,$(VENV)/demo.stamp)

# Where tests/cluster.py looks too.
FIND_POSTGRES = ls $$(command -v postgres) /usr/lib/postgresql/*/bin/postgres 2>/dev/null | grep -m 1 .

# The first interpreter that is new enough and can make virtual environments; else the first new enough.
FIND_PYTHON = found=; \
	for name in "$$PYTHON" python3.13 python3.12 python3.11 python3; do \
		path=$$(command -v "$$name" 2>/dev/null) || continue; \
		"$$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$${found:-$$path}; \
		if "$$path" -c 'import ensurepip, venv' 2>/dev/null; then found=$$path; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'Needs Python 3.11 or newer. On Debian and Ubuntu: apt-get install python3 python3-venv' >&2; exit 3; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		version=$$("$$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$$found cannot make virtual environments. On Debian and Ubuntu: apt-get install python$$version-venv" >&2; \
		exit 3; \
	fi

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO_READY) ## start an IdP, a requesting app and a resource app; stay up until Ctrl-C
	@$(PY) -m idjag.cli demo

demo-once: $(DEMO_READY) ## the same, driven by itself over HTTP; exit 0 only if every step came out as it says
	@$(PY) -m idjag.cli demo --once

test: $(VENV)/dev.stamp ## all tests but the long proofs
	sh tests/in_memory.sh 3 $(PY) -m pytest -n 3 --dist worksteal -rs

check: $(VENV)/dev.stamp ## lint, types, import rules, dependencies, house rules
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy --strict -p idjag
	$(PY) -m mypy --strict tests
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo
	$(PY) -m deptry idjag
	$(PY) -m pytest -q tests/test_house_rules.py

soak: $(VENV)/dev.stamp ## the long proofs
	@$(PY) -m pytest -m soak --collect-only -q >/dev/null; status=$$?; \
	if [ $$status -eq 5 ]; then echo 'no soak tests yet'; \
	elif [ $$status -eq 0 ]; then sh tests/in_memory.sh 10 $(PY) -m pytest -m soak -n 3 --dist worksteal --timeout 1500; \
	else $(PY) -m pytest -m soak --collect-only -q; fi

guards: $(VENV)/dev.stamp ## break every guard of tests/mutations, one after the other: half an hour
	sh tests/in_memory.sh 3 $(PY) -m pytest -m "soak or rare" -n 2 tests/mutations

storm: $(VENV)/dev.stamp ## half an hour of mixed load on two nodes, at a clock that is moved on by months
	IDJAG_STORM_SECONDS=1800 $(PY) -m pytest -m soak --timeout 3600 tests/processes/test_nodes_load.py

bench: $(VENV)/dev.stamp ## measurements, one JSON line each
	@if [ -f benchmarks/__main__.py ]; then $(PY) -m benchmarks; else echo 'make bench: not built' >&2; exit 1; fi

docs: $(VENV)/dev.stamp ## the generated pages of docs/
	$(PY) -m tests.conformance.generate
	$(PY) -m idjag.idp.state.schema > docs/state-file.schema.json.new
	mv docs/state-file.schema.json.new docs/state-file.schema.json

dist: $(VENV)/dev.stamp ## sdist and wheel in dist/
	rm -rf build dist idjag.egg-info
	$(PY) -m build --no-isolation --outdir dist .

setup: $(VENV)/dev.stamp ## system packages and the environment
	@echo "PostgreSQL server: $$($(FIND_POSTGRES) || echo 'none, so the tests that need one are skipped')"
	@echo "Python: $$($(PY) --version) in $(VENV), all locked packages installed."
	@if [ -f $(NODE)/node_modules/stamp ]; then \
		echo "Node: $$(node --version), all locked packages installed in $(NODE)/node_modules."; \
	else \
		echo 'Node: not ready, so the tests of tests/interop that need it are skipped. Install Node 20 or newer with npm.'; \
	fi

lock: $(VENV)/dev.stamp ## compute requirements/*.txt again; `make lock UPGRADE=--upgrade` takes newer versions
	$(LOCK) $(UPGRADE) --all-extras --group dev --output-file requirements/dev.txt
	$(LOCK) --constraint requirements/dev.txt --extra idp --extra standalone --group build --output-file requirements/demo.txt

clean: ## remove everything that can be made again
	rm -rf $(VENV) build dist idjag.egg-info .coverage* htmlcov .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache $(NODE)/node_modules
	find idjag admin_ui tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(FIND_PYTHON); echo "making $(VENV) with $$found"; "$$found" -m venv $(VENV)

# pip refuses an editable install under --require-hashes, so the locked packages come first, setuptools included.
$(VENV)/%.stamp: requirements/%.txt pyproject.toml setup.py | $(VENV)/bin/python
	@echo 'installing requirements/$*.txt into $(VENV): a minute or less'
	@$(PIP) install --quiet --require-hashes -r requirements/$*.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: | $(VENV)/system.stamp $(NODE)/node_modules/stamp

# What the tests use besides Python: installed where the user may, else named, and the tests that need it say so.
$(VENV)/system.stamp: | $(VENV)/bin/python
	@wanted=; \
	$(FIND_POSTGRES) >/dev/null || wanted="$$wanted postgresql"; \
	command -v npm >/dev/null 2>&1 || wanted="$$wanted nodejs npm"; \
	command -v strace >/dev/null 2>&1 || wanted="$$wanted strace"; \
	command -v chromium >/dev/null 2>&1 || wanted="$$wanted chromium"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null 2>&1 || wanted="$$wanted nginx-light"; \
	if [ -n "$$wanted" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "installing the system packages$$wanted: a minute or two"; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$wanted; } \
			>/dev/null 2>&1 || echo "could not be installed:$$wanted; the tests that need it are skipped" >&2; \
	elif [ -n "$$wanted" ]; then \
		echo "missing, and only root may install it:$$wanted; the tests that need it are skipped" >&2; \
	fi; \
	touch $@

# A machine that reaches no registry for Node can do all but a few tests, so this names the failure and goes on.
$(NODE)/node_modules/stamp: $(NODE)/package-lock.json $(NODE)/package.json $(NODE)/.npmrc | $(VENV)/system.stamp
	@if ! command -v npm >/dev/null 2>&1; then exit 0; fi; \
	echo 'installing $(NODE)/package-lock.json: a minute or less'; \
	if (cd $(NODE) && npm ci --loglevel=error); then touch $@; \
	else rm -f $@; echo 'npm could not install $(NODE): the tests that need Node will be skipped' >&2; fi
