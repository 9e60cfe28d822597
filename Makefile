# Every target sets itself up in .venv; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
UV := UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv

.PHONY: help setup demo test check bench
# What only the tests need (Node, clients for it, a browser) comes with `make setup` and `make test`, not with the demo.
help:
	@echo "make demo    see it work, nothing leaves this machine"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import rules, docs"
	@echo "make bench   print the speed figures; less of it with BENCH='--profiles 100000 --only plan'"

setup: .venv/ready .venv/node/ready
.venv/ready: pyproject.toml uv.lock
	@sh tools/make-environment "$(PYTHON)"
	@echo "Installing the locked packages from PyPI into .venv (about 300 MB, first time only)"
	@$(UV) sync --locked --quiet --compile-bytecode
	@$(BIN)/python -m compileall -q src
	@touch $@

.venv/node/ready: .venv/ready tools/make-test-tools $(wildcard tests/node/*)
	@sh tools/make-test-tools
	@touch $@

demo: .venv/ready
	@$(BIN)/guestlist demo

test: setup
	$(BIN)/pytest

check: .venv/ready
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/house tests/docs

bench: .venv/ready
	@$(BIN)/python -m bench $(BENCH)
