# The stage graph: what each stage reads, and the code that it runs. make decides what has to run.
# Two choices: C= names the competition (a TOML in pipeline/competitions), PRESET= one of its presets.

C ?= airline
PRESET ?= default
PYTHON ?= python3
VENV ?= .venv

# --- what people type -----------------------------------------------------------------------------

# it is text: make would expand it wherever it is used, and a shell would run what is in it. So make
# takes it literally, C and VENV must be plain, and the rest reaches a recipe as "$$NAME" alone.
TYPED := C PRESET NAME FROM PORT V PYTHON VENV $(foreach name,$(.VARIABLES),$(if $(filter \
  command,$(origin $(name))),$(name)))
$(foreach name,$(sort $(TYPED)),$(eval override $(name) := $$(value $(name))))
export PRESET NAME FROM PORT PYTHON

HASH := \#
SPECIAL := ; & | < > ( ) { } [ ] ` ' " \ $$ * ? ! % : = ~ $(HASH)
special = $(strip $(foreach mark,$(SPECIAL),$(findstring $(mark),$(1))))
override COMPETITIONS := $(sort airline $(basename $(notdir $(wildcard pipeline/competitions/*.toml))))
ifneq ($(words $(C)) $(filter $(COMPETITIONS),$(C))$(call special,$(C)),1 $(C))
$(error C names no competition$(if $(call special,$(C)),,: found '$(C)'), allowed are $(COMPETITIONS). \
  Choose one, as in: make C=airline all)
endif
override C := $(strip $(C))
ifneq ($(words $(VENV))$(call special,$(VENV)),1)
$(error VENV must be the path of a folder without spaces and special characters, as in: make VENV=.venv all)
endif

override RAW := data/raw/$(C)
override BUILD := data/build/$(C)
override SNAPSHOTS := $(BUILD)/settings
override RUN := $(shell echo $$PPID)
override STARTED := $(shell date +%s)
# make says no more than "Killed" of a process that the system has ended; the shell lives on to tell
PIPELINE = trap : INT; pipeline() { $(VENV)/bin/python -m pipeline "$$@" || { code=$$?; test $$code -ne 137 || \
  echo "error: the process was ended from outside (SIGKILL), most likely because memory ran out. Close other \
  programs, or use fewer rows, and run the same command again: what is done is kept." >&2; exit $$code; }; }; pipeline
STAGES := load explore split encode tune train blend evaluate submit

.DEFAULT_GOAL := help
.PHONY: all $(STAGES) help new fetch dashboard watch test check format clean FORCE

# the summary is told whenever something ran, and is kept for the runs in which nothing has to
# submit comes first: no failure of a page stands between a run and its file
all: submit explore evaluate $(BUILD)/summary.txt ## everything: from data/raw/$(C) to submissions/$(C)
	@$(if $(TOLD),:,printf 'nothing to do: %s\n' "$$(head -n 1 $(BUILD)/summary.txt | LC_ALL=C tr -d '\001-\037\177')")

# --- set-up -------------------------------------------------------------------------------------

# each installs a whole closure, pinned and hashed; the test tools come on top of the main job
$(VENV)/installed: requirements.lock
$(VENV)/installed-test: requirements-test.lock
$(VENV)/installed $(VENV)/installed-test:
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { printf 'error: %s is not Python 3.11 \
	or newer. Name one that is, as in: make PYTHON=python3.12 all\n' "$$PYTHON" >&2; exit 2; }
	@test -e $(VENV)/pyvenv.cfg || test -z "$$(ls -A $(VENV) 2>/dev/null)" || { echo "error: $(VENV) holds files, and \
	is no virtual environment. Choose a folder that is not there yet, as in: make VENV=.venv all" >&2; exit 2; }
	@echo "setting up $(VENV) from $< (once, about a minute)"
	@test -x $(VENV)/bin/pip || "$$PYTHON" -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: -r $<
	@touch $@ $(if $(findstring test,$@),$(VENV)/installed)

# --- settings: the TOML, cut into a snapshot a stage ----------------------------------------------

GOALS := $(or $(MAKECMDGOALS),$(.DEFAULT_GOAL))
ifneq ($(filter all $(STAGES) tune-% train-% $(BUILD)/%,$(GOALS)),)
ifneq ($(filter clean,$(GOALS)),)
$(error clean stands alone: it would delete what the other targets have read already. Run make clean first)
endif
ifneq ($(wildcard pipeline/competitions/$(C).toml),)
# names, sizes and times of the raw files: a file that is newer, older, gone or added reruns load
LIST = find -L $(RAW) -type f -exec stat -L
LISTING := $(shell { $(LIST) -c '%n %s %Y' {} + || $(LIST) -f '%N %z %m' {} +; } 2>/dev/null | sort | cksum)
ifneq ($(LISTING),$(shell cat $(SNAPSHOTS)/raw 2>/dev/null))
$(shell { mkdir -p $(SNAPSHOTS) && echo '$(LISTING)' >$(SNAPSHOTS)/raw; } 2>/dev/null)
endif
endif
# make brings what it includes up to date first and starts again: the settings are then those of now. The
# file stays empty; a makefile in data/build, which others may have made, could run anything
$(shell test ! -e $(VENV)/pyvenv.cfg || test -e $(VENV)/settings-$(C).mk || \
  touch -t 197001020000 $(VENV)/settings-$(C).mk)
include $(VENV)/settings-$(C).mk
$(VENV)/settings-$(C).mk: $(SNAPSHOTS)/models
	@touch $@
endif
ifneq ($(PRESET),$(shell cat $(SNAPSHOTS)/preset 2>/dev/null))
$(SNAPSHOTS)/models: FORCE
endif

# a snapshot is rewritten only when it changes, so a comment in the TOML reruns nothing
$(SNAPSHOTS)/models: $(wildcard pipeline/competitions/$(C).toml) pipeline/config.py | $(VENV)/installed
	@$(PIPELINE) settings $(C) --preset "$$PRESET" --run $(RUN)

# in the order of the TOML; a word that is no model's name counts for nothing
override MODELS := $(filter $(basename $(notdir $(wildcard pipeline/models/[a-z]*.py))),$(shell \
  test -f $(SNAPSHOTS)/models && cat $(SNAPSHOTS)/models))

# --- the stages ---------------------------------------------------------------------------------

code = $(addprefix pipeline/,$(addsuffix .py,$(1)))
CORE := $(call code,artifacts metrics runner wording) requirements.lock
FEATURES := $(wildcard pipeline/competitions/*.py)
ENCODING := $(wildcard pipeline/encoding/*.py) $(call code,folds float32)
LEARNERS := $(call code,models/__init__ tree_text folds float32 parallel prediction)
SCRATCH := $(wildcard pipeline/from_scratch/*.py)
BLENDING := $(call code,blending calibration budget expectation prediction wording) $(SCRATCH)
BUDGET := $(call code,budget pace wording)
PAGES := $(call code,page figures parallel) $(wildcard pipeline/templates/*)
EXPLORE := $(wildcard pipeline/exploration/*.py) $(SCRATCH) $(call code,models/__init__ \
  models/lightgbm tree_text float32 wording)
EVALUATE := $(wildcard pipeline/evaluation/*.py pipeline/exploration/*.py) $(call code,ledger predictor \
  processor archives memory finding naming labels reading notation kinds dates date_columns schema contract \
  wording models/lightgbm tree_text)

# $(call stage,name,stages that it reads,code that it imports)
define stage
$(1): $(BUILD)/$(1)/DONE
$(BUILD)/$(1)/DONE: $(SNAPSHOTS)/$(1).json $(2) pipeline/stages/$(1).py $(3) $(CORE) | $(VENV)/installed
	@$$(PIPELINE) run $(1) $(C) $$(FLAGS)
endef
done = $(addprefix $(BUILD)/,$(addsuffix /DONE,$(1)))
FLAGS = --run $(RUN) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),--plain) $(if $(V),--verbose) \
  $(if $(filter all,$(GOALS)),--brief)
TUNED = $(call done,$(addprefix tune/,$(MODELS)))
TRAINED = $(call done,$(addprefix train/,$(MODELS)))

$(eval $(call stage,load,$(SNAPSHOTS)/raw,$(call code,archives memory finding naming \
  labels reading notation kinds dates date_columns contract schema wording) $(FEATURES)))
$(eval $(call stage,explore,$(call done,load),$(EXPLORE) $(PAGES)))
$(eval $(call stage,split,$(call done,load),$(call code,folds)))
$(eval $(call stage,encode,$(call done,load split),$(ENCODING) $(FEATURES)))
$(eval $(call stage,blend,$(call done,load split) $(TRAINED),$(BLENDING) $(call code,folds)))
$(eval $(call stage,evaluate,$(call done,load explore split encode blend) $(TUNED) $(TRAINED) $(SNAPSHOTS)/scores.json,\
  $(EVALUATE) $(ENCODING) $(FEATURES) $(LEARNERS) $(BLENDING) $(PAGES)))
$(eval $(call stage,submit,$(call done,load blend),$(call code,ledger submission prediction processor reading \
  archives memory contract dates date_columns finding naming)))

$(BUILD)/summary.txt: $(call done,explore evaluate submit)
	$(eval TOLD := yes)@$(PIPELINE) summary $(C) --since $(STARTED)

# DONE is written last: a stop just after it must not take it back
.PRECIOUS: $(call done,$(STAGES)) $(TUNED) $(TRAINED)

tune: $(TUNED)
train: $(TRAINED)
tune-%: $(BUILD)/tune/%/DONE ;
train-%: $(BUILD)/train/%/DONE ;

$(BUILD)/tune/%/DONE: $(SNAPSHOTS)/tune-%.json $(call done,load split encode) pipeline/models/%.py \
  pipeline/stages/tune.py pipeline/studies.py $(BUDGET) $(LEARNERS) $(CORE) | $(VENV)/installed
	@$(PIPELINE) run tune $(C) --model $* $(FLAGS)

$(BUILD)/train/%/DONE: $(SNAPSHOTS)/train-%.json $(BUILD)/tune/%/DONE $(call done,load split encode) \
  pipeline/models/%.py pipeline/stages/train.py $(BUDGET) $(LEARNERS) $(CORE) | $(VENV)/installed
	@$(PIPELINE) run train $(C) --model $* $(FLAGS)

# models that are built from the library depend on all of it
LEARNT := $(notdir $(basename $(shell grep -l from_scratch pipeline/models/[a-z]*.py)))
$(call done,$(foreach model,$(LEARNT),tune/$(model) train/$(model))): $(SCRATCH)

# what [budget] minutes cut short is tried again when they change, or when its record is deleted
PIECES := $(addprefix tune/,$(MODELS)) $(addprefix train/,$(MODELS))
CUT := $(foreach piece,$(PIECES),$(if $(wildcard $(BUILD)/$(piece)/cut.json),$(piece)))
FORGOTTEN := $(foreach piece,$(CUT),$(if $(wildcard $(BUILD)/budget/$(piece).json),,$(piece)))
$(call done,$(CUT)): $(SNAPSHOTS)/budget.json
$(call done,$(FORGOTTEN)): FORCE

# a submission that was deleted comes back
ifeq ($(wildcard submissions/$(C)/*.csv),)
$(BUILD)/submit/DONE: FORCE
endif

# --- people -------------------------------------------------------------------------------------

load: ## read and check the organiser's files, or the simulated survey
explore: ## figures and a page to look at before modelling
split: ## fold numbers: every model is compared on the same folds
encode: ## two numeric views of the columns, fitted inside each fold
tune: ## search settings with Optuna, as many trials as the TOML says (one model: tune-NAME)
train: ## fit every model on every fold (one model: train-NAME)
blend: ## combine the models by their out-of-fold predictions
evaluate: ## the leaderboard with standard errors, and report.html
submit: ## the checked submission, in submissions/$(C)

new: | $(VENV)/installed ## start a competition: make new NAME=titanic FROM=~/Downloads/titanic
	@$(PIPELINE) new "$$NAME" --from "$$FROM"

fetch: | $(VENV)/installed ## download the openly licensed airline survey (OpenML 46920)
	@$(PIPELINE) fetch

dashboard: | $(VENV)/installed ## watch the tuning in a browser, on 127.0.0.1 (PORT=8080)
	@$(PIPELINE) dashboard $(C) $(if $(PORT),--port "$$PORT")

watch: ## open the report of the last run in a browser
	@test -e $(BUILD)/evaluate/report.html || { echo "error: there is no report of $(C) yet. Run \
	'make C=$(C) all' first." >&2; exit 2; }
	@echo "$(BUILD)/evaluate/report.html"
	@"$$PYTHON" -c 'import pathlib, sys, webbrowser; webbrowser.open(pathlib.Path(sys.argv[1]).resolve().as_uri())' \
	  $(BUILD)/evaluate/report.html >/dev/null

test: check ## set up, check the code and run all tests
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile # a file's tests share what it makes once

check: | $(VENV)/installed-test ## ruff, mypy and the import contracts
	@$(VENV)/bin/ruff check && $(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: | $(VENV)/installed-test ## lay out the code as `make check` wants it
	@$(VENV)/bin/ruff check --fix --quiet && $(VENV)/bin/ruff format --quiet

clean: | $(VENV)/installed ## delete the artifacts of the competition; raw files, submissions and the budget's record stay
	@$(PIPELINE) clean $(C)

help: ## this list
	@echo "make [C=competition] [PRESET=preset] TARGET; competitions: $(COMPETITIONS)"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile

FORCE:
