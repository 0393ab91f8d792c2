# What people type. Each target is one call of `python -m pipeline`, which decides what has to run.
# Four choices: C= names the competition (a TOML in pipeline/competitions), PRESET= one of its
# presets, NOTE= a few words that are kept with the experiment, CLUSTER= a Dask scheduler whose workers fit.

C ?= airline
PRESET ?= default
NOTE ?=
CLUSTER ?=
PYTHON ?= python3
VENV ?= .venv

# What people type is text, but make would expand it wherever it is used, and a shell would run what
# is in it. So make takes it literally, C and VENV must be plain, and a recipe reads the rest as "$$NAME".
TYPED := C PRESET NOTE CLUSTER NEW_PLAN NAME FROM PORT KEEP V PYTHON VENV $(foreach name,$(.VARIABLES),$(if $(filter \
  command,$(origin $(name))),$(name)))
$(foreach name,$(sort $(TYPED)),$(eval override $(name) := $$(value $(name))))
export PRESET NOTE CLUSTER NAME FROM PORT KEEP PYTHON

HASH := \#
SPECIAL := ; & | < > ( ) { } [ ] ` ' " \ $$ * ? ! % : = ~ $(HASH)
special = $(strip $(foreach mark,$(SPECIAL),$(findstring $(mark),$(1))))
override COMPETITIONS := $(sort airline $(basename $(notdir $(wildcard pipeline/competitions/*.toml))))
ifneq ($(words $(C)) $(filter $(COMPETITIONS),$(C))$(call special,$(C)),1 $(C))
$(error C names no competition$(if $(call special,$(C)),,: found '$(C)'), allowed are $(COMPETITIONS). \
  Choose one, as in: make C=airline all)
endif
override C := $(strip $(C))
ifneq ($(call special,$(MAKECMDGOALS)),)
$(error a target is a word such as all, train or train-lightgbm; found '$(MAKECMDGOALS)'. See make help)
endif
ifneq ($(words $(VENV))$(call special,$(VENV)),1)
$(error VENV must be the path of a folder without spaces and special characters, as in: make VENV=.venv all)
endif

# where the system has ended a process, a shell prints no more than "Killed"
PIPELINE = trap : INT; pipeline() { $(VENV)/bin/python -m pipeline "$$@" || { code=$$?; test $$code -ne 137 || \
  echo "error: the process was ended from outside (SIGKILL), most likely because memory ran out. Close other \
  programs, or use fewer rows, and run the same command again: what is done is kept." >&2; exit $$code; }; }; pipeline
RUN = @$(PIPELINE) run $@ $(C) --preset "$$PRESET" --note "$$NOTE" $(if $(V),--verbose) \
  $(if $(NEW_PLAN),--new-plan) $(if $(CLUSTER),--cluster "$$CLUSTER")
STAGES := load explore split encode tune train blend evaluate submit average

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: all $(STAGES) help graph experiments prune new fetch dashboard cluster watch test check format clean installed installed-test

all: installed ## everything: from data/raw/$(C) to submissions/$(C); NOTE="what I tried" is kept
	$(RUN)

# --- set-up -------------------------------------------------------------------------------------

# Each installs a complete list of packages, pinned and hashed; the second adds the test tools. The
# stamp is a copy of the list, so that file times do not matter.
installed: LOCK = requirements.lock
installed-test: LOCK = requirements-test.lock
installed installed-test:
	@cmp -s $(LOCK) $(VENV)/$@ || { \
	"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { printf "error: %s is not Python 3.11 \
	or newer. Name one that is, as in: make PYTHON=python3.12 all\n" "$$PYTHON" >&2; exit 2; }; \
	test -e $(VENV)/pyvenv.cfg || test -z "$$(ls -A $(VENV) 2>/dev/null)" || { echo "error: $(VENV) holds files, and \
	is no virtual environment. Choose a folder that is not there yet, as in: make VENV=.venv all" >&2; exit 2; }; \
	echo "setting up $(VENV) from $(LOCK) (once, about a minute)"; \
	{ test -x $(VENV)/bin/pip || "$$PYTHON" -m venv --clear $(VENV); } && \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: -r $(LOCK) && \
	cp $(LOCK) $(VENV)/$@ && $(if $(findstring test,$@),cp requirements.lock $(VENV)/installed,:); }

# --- the stages ---------------------------------------------------------------------------------

load: ## read and check the organiser's files, or the simulated survey
explore: ## figures and a page to look at before modelling
split: ## folds: every model is compared on the same rows
encode: ## columns as codes, the competition's own features added
tune: ## search settings with Optuna, as many trials as the TOML says (one model: tune-NAME)
train: ## fit every model on every fold (one model: train-NAME)
blend: ## combine the models by their out-of-fold predictions
evaluate: ## the leaderboard with standard errors, and the report
submit: ## the checked submission, in submissions/$(C)
average: ## of several targets, the mean of their scores and a page
$(STAGES): installed
	$(RUN)
tune-% train-%: installed
	$(RUN)

# --- people -------------------------------------------------------------------------------------

graph: installed ## the stages: what is stored, what would run, why, and how long it took
	@$(PIPELINE) graph $(C) --preset "$$PRESET"

experiments: installed ## the runs that reached the blend, newest first; also a page with all settings
	@$(PIPELINE) experiments $(C)

prune: installed ## delete what the last experiments do not need (KEEP=5 of them)
	@$(PIPELINE) prune $(C) $(if $(KEEP),--keep "$$KEEP")

new: installed ## start a competition: make new NAME=titanic FROM=~/Downloads/titanic
	@$(PIPELINE) new "$$NAME" --from "$$FROM"

fetch: installed ## download the openly licensed airline survey (OpenML 46920)
	@$(PIPELINE) fetch

dashboard: installed ## watch the tuning in a browser, on 127.0.0.1 (PORT=8080)
	@$(PIPELINE) dashboard $(C) $(if $(PORT),--port "$$PORT")

cluster: installed ## a Dask scheduler and workers, for: make all CLUSTER=tcp://127.0.0.1:8786
	@$(PIPELINE) cluster

watch: installed ## open the report of the last run in a browser
	@$(PIPELINE) watch $(C)

test: check ## set up, check the code and run all tests
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile # a file's tests share what it makes once

check: installed-test ## ruff, mypy and the import contracts
	@$(VENV)/bin/ruff check && $(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: installed-test ## lay out the code as `make check` wants it
	@$(VENV)/bin/ruff check --fix --quiet && $(VENV)/bin/ruff format --quiet

clean: installed ## delete what was computed; raw files, submissions and experiments' records stay
	@$(PIPELINE) clean $(C)

help: ## this list
	@echo "make [C=competition] [PRESET=preset] TARGET; competitions: $(COMPETITIONS)"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {sub(/:.*/, "", $$1); printf "  %-12s %s\n", $$1, $$2}' Makefile
