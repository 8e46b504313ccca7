# Skyloom's commands. Everything lives in .venv; a finished install is not repeated until pyproject.toml or constraints.txt change.
PROMPT ?= a penguin walks on a beach at sunset
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
RUN ?= runs/storybook
FILM ?= film.mp4

BIN := .venv/bin
PINS := pyproject.toml constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SKYLOOM := $(BIN)/skyloom
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q

.PHONY: help demo setup test test-full browser reader check fix studio train-storybook train-tiny clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/.installed ## install, film PROMPT, say how fast
	$(SKYLOOM) generate "$$PROMPT" -o $(FILM)

setup: .venv/.installed-dev ## install what tests and checks need

test: .venv/.installed-dev ## the tests, in minutes, on two cores
	$(PYTEST) -n 2 -m "not full"

test-full: .venv/.installed-full browser reader ## the tests that take longer: PostgreSQL, Ray, Node, real films, the studio in a browser
	@$(PYTEST) -m full; code=$$?; \
	if [ $$code -eq 5 ]; then echo "there are no full tests: none was run"; else exit $$code; fi

browser: # for the studio's journeys: Chromium and axe-core; without them these tests are skipped, and say why
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null 2>&1 || \
		echo "no Chromium, and apt-get cannot install it: the studio's journeys are skipped"
	@! command -v npm >/dev/null || $(MAKE) --no-print-directory studio/node_modules/.installed

reader: # for what is read in pictures: tesseract; without it that test is skipped, and says why
	@command -v tesseract >/dev/null || { apt-get update -qq && apt-get install -y -qq tesseract-ocr; } >/dev/null 2>&1 || \
		echo "no tesseract, and apt-get cannot install it: what it reads is not tested"

check: .venv/.installed-dev ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy skyloom
	$(PYTEST) tests/test_floors.py

fix: .venv/.installed-dev ## repair style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

studio: studio/node_modules/.installed ## build the studio into the package, from studio/
	cd studio && npm run build

studio/node_modules/.installed: studio/package-lock.json
	cd studio && npm ci --no-audit --no-fund
	@touch $@

train-storybook: .venv/.installed ## the whole story, world to weights; stop it and run it again at will
	$(SKYLOOM) world fetch
	$(SKYLOOM) train tokenizer --preset storybook --run $(RUN)
	$(SKYLOOM) train encode --preset storybook --run $(RUN)
	$(SKYLOOM) train model --preset storybook --run $(RUN)
	$(SKYLOOM) train staging --preset storybook --run $(RUN)
	$(SKYLOOM) train tempo --preset storybook --run $(RUN)
	$(SKYLOOM) train verifier --preset storybook --run $(RUN)
	$(SKYLOOM) train air --preset storybook --run $(RUN)
	$(SKYLOOM) train loops --preset storybook --run $(RUN)
	$(SKYLOOM) train probe --preset storybook --run $(RUN)
	$(SKYLOOM) export --run $(RUN)
	$(SKYLOOM) eval

train-tiny: .venv/.installed ## the same road in a minute, with a model far too small to be good
	$(SKYLOOM) train tokenizer --preset tiny --run runs/tiny
	$(SKYLOOM) train encode --preset tiny --run runs/tiny --processes 1
	$(SKYLOOM) train model --preset tiny --run runs/tiny
	$(SKYLOOM) train staging --preset tiny --run runs/tiny
	$(SKYLOOM) train tempo --preset tiny --run runs/tiny
	$(SKYLOOM) train verifier --preset tiny --run runs/tiny
	$(SKYLOOM) train air --preset tiny --run runs/tiny
	$(SKYLOOM) generate "a fox in the snow" --model runs/tiny/model --size 64x64 --seconds 0.4 -o $(FILM)

clean: ## forget the install
	rm -rf .venv

export PROMPT

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "no python3 was found: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old: install Python 3.11 or newer, or say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python $(PINS)
	$(INSTALL) -e .
	@touch $@

.venv/.installed-full: .venv/.installed-dev
	$(INSTALL) -e ".[dev,ray,mcp]" scikit-video schemathesis playwright
	@touch $@

.venv/.installed-dev: .venv/bin/python $(PINS)
	$(INSTALL) -e ".[dev]"
	@touch $@ .venv/.installed
