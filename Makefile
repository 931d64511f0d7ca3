# Every target does the set-up it needs, on a bare machine with Python 3.11+ and nothing else. Start with: make help
PYTHON ?= python3
PORT ?= 8080
DEMO_DIR ?= .demo
HYPOTHESIS_PROFILE ?= ci
VENV := .venv/bin
export PORT DEMO_DIR HYPOTHESIS_PROFILE

.DEFAULT_GOAL := help
# One process a core, each with servers of its own; a file's tests stay together and share what they start.
PYTEST := $(VENV)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile

.PHONY: help setup check test storm quick demo examples bench pictures words lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## .venv with the pinned requirements, static/vendor with the pinned assets (nothing to do when they are there)
	@$(PYTHON) bin/setup.py
	@$(VENV)/python bin/assets.py

check: setup ## ruff, mypy --strict, the dependency rule
	@$(VENV)/ruff check .
	@$(VENV)/mypy
	@$(VENV)/python -m pytest -q tests/test_architecture.py

test: setup ## the whole suite, on real servers and in a real browser (ARGS="-k name" to choose)
	@browser=$$($(VENV)/python bin/browser.py) && CHROMIUM="$$browser" exec $(PYTEST) $(ARGS)

quick: setup ## the part of the suite that starts no processes and plays no whole flows
	@HYPOTHESIS_PROFILE=quick exec $(PYTEST) -m 'not process and not browser' --ignore=tests/flows --ignore=tests/e2e --ignore=tests/infra $(ARGS)

demo: setup ## everything on this machine, without an account: PORT=8080 DEMO_DIR=.demo
	@exec $(VENV)/python -m sandbox.demo

storm: setup ## everything goes wrong at random, then everything is checked: SEED=1 MINUTES=5
	@exec $(VENV)/python -m tests.storm --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5)

examples: setup ## what examples/ and docs/ tell a CRM's developer to run, run (test vectors, curl, the Python client)
	@exec $(VENV)/python -m pytest -q tests/infra/test_examples.py tests/infra/test_guides.py $(ARGS)

bench: setup ## benchmarks on the demo's set-up, each beside a plain baseline (QUICK=1, ARGS=reflect for one part)
	@exec $(VENV)/python -m bench $(if $(QUICK),--quick) $(ARGS)

pictures: setup ## make the README's pictures anew, with the demo and a browser
	@browser=$$($(VENV)/python bin/browser.py) && CHROMIUM="$$browser" exec $(VENV)/python bin/pictures.py

words: setup ## bring the catalogues of words up to date with what the pages say
	@$(VENV)/python bin/words.py

lock: setup ## write constraints.txt anew from what requirements*.txt resolve to
	@$(VENV)/python bin/lock.py

clean: ## remove what setup, tests and demo made here
	@rm -rf .venv .venv.lock .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* htmlcov tests/artefacts tests/vendor bench/results
	@rm -rf gateway/web/static/vendor sandbox/demo/static/vendor
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
