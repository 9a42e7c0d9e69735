# Two commands do everything: make demo, make test. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE
WORK ?= data/paper
EPOCHS ?= 18

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Toploss needs Python 3.11 or newer; set PYTHON=python3.12 or so."; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || .ci/system-packages venv "$(PYTHON)"
	@echo "Setting up .venv: PyTorch and the other libraries, 6 GB on the disk. This takes minutes, and only once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -m compileall -q app
	@touch $@

setup: .venv/.installed ## Make the virtual environment

.venv-readers/.installed: requirements-readers.lock
	rm -rf .venv-readers
	@$(PYTHON) -m venv .venv-readers
	$(BIN)/uv pip install --quiet --python .venv-readers/bin/python -r requirements-readers.lock
	@touch $@

readers: setup .venv-readers/.installed ## Install the libraries that tests read exports with (1.2 GB)

demo: setup site/index.html ## Draw demo faces, train, and serve them on http://127.0.0.1:8000
	@$(BIN)/toploss demo

test: setup ## Everything that must hold: checks, tests on SQLite and PostgreSQL, a real browser
	@.ci/system-packages tests
	@if [ "$(CI)" = true ]; then $(MAKE) --no-print-directory readers; fi
	@$(MAKE) --no-print-directory check

check: setup lint ## ruff, mypy, import rules, migrations, tests
	$(BIN)/pytest

audit: setup ## bandit over app/, and pip-audit over what is installed (needs the package index)
	$(BIN)/uv tool run --from 'bandit[toml]' bandit --quiet --configfile pyproject.toml --recursive app
	$(BIN)/uv tool run pip-audit --disable-pip --no-deps --requirement requirements.lock

explore: setup ## The property tests with fresh examples, five times as many
	TOPLOSS_HYPOTHESIS=explore $(BIN)/pytest -m hypothesis

lint: setup ## Only the static checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Let ruff format and mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Build the documentation into site/, which opens without a server: links, anchors and pages are checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

site/index.html: mkdocs.yml $(wildcard docs/*.* docs/decisions/*.md docs/pictures/*) | .venv/.installed
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

package: setup ## Build the wheel, with the documentation in it, into dist/
	$(BIN)/uv build --quiet
	@ls dist/*.whl

screenshots: setup ## Draw the pictures of the documentation anew, from the demo (minutes)
	$(BIN)/python benchmarks/screenshots.py

lock: setup ## Resolve the newest versions again
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --group dev --group docs -c constraints.txt pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --extra s3 --extra http --override without-training.txt -c requirements.lock pyproject.toml -o requirements-web.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --group readers -o requirements-readers.lock

paper: setup ## The paper's tables and figures: make paper IMAGES=fer2013 [VOTES=votes.csv] [WORK=data/paper] [EPOCHS=18]
	@test -n "$(IMAGES)" || { echo "Say where FER2013 is, a folder or zip of train/ and valid/ class folders: make paper IMAGES=path"; exit 2; }
	$(BIN)/python benchmarks/cleaning_fer2013.py --only table --images "$(IMAGES)" $(if $(VOTES),--votes "$(VOTES)") --work "$(WORK)" --epochs $(EPOCHS)
	$(BIN)/python benchmarks/paper.py --work "$(WORK)" $(if $(VOTES),--votes "$(VOTES)") --output "$(WORK)/paper.md"

kills: setup ## Kill 200 starts while they upgrade the database, on SQLite and PostgreSQL: make kills [KILLS=200] [SEED=1]
	$(BIN)/python benchmarks/kills.py --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

endurance: setup ## Kills, crowds, hostile inputs and backups for an hour, with a report: make endurance [KILLS=500] [PEOPLE=100] [MINUTES=10] …
	$(BIN)/python -m benchmarks.endurance --seed $(or $(SEED),1) --kills $(or $(KILLS),500) --people $(or $(PEOPLE),100) --minutes $(or $(MINUTES),10) --inputs $(or $(INPUTS),2000) --zips $(or $(ZIPS),20) --backups $(or $(BACKUPS),5) --log-ins $(or $(LOG_INS),60) --database $(or $(DATABASE),both) --output $(or $(OUTPUT),data/endurance) $(if $(PARTS),--parts $(PARTS)) --note "$(NOTE)"

.PHONY: help setup readers demo test check audit explore lint format docs package screenshots lock paper kills endurance

migration: setup ## Write a migration from the models: make migration m="add a column"
	@$(BIN)/python -m app.db.migrating "$(m)"
.PHONY: migration
