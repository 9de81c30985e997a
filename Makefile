# `make demo` and `make test` need Python 3.11 or later and make, and set up the rest themselves.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
PARTS := -e core[testing,tensorboard,parquet] -e storage[postgresql,prov,c2pa] -e plugins/audio -e plugins/images -e plugins/molecules[train] -e .

.PHONY: demo test check golden bench torture wheels clean

demo: $(VENV)/ready
	$(RUN)/python examples/demo.py

test: $(VENV)/ready
	$(RUN)/python -m pytest

check: $(VENV)/ready
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy core/src storage/src plugins/audio/src plugins/images/src plugins/molecules/src benchmarks
	$(RUN)/python -m pytest tests/system/test_tree.py

golden: $(VENV)/ready
	$(RUN)/python tests/golden/rewrite.py

bench: $(VENV)/ready
	$(RUN)/python benchmarks/run.py molecules

torture: $(VENV)/ready
	$(RUN)/python -m tests.torture

wheels: $(VENV)/ready
	for part in core storage plugins/audio plugins/images plugins/molecules .; do $(RUN)/python -m build --wheel --outdir dist $$part || exit 1; done

clean:
	rm -rf $(VENV) dist demo-output

# Versions are those of constraints.txt, with which the tests run.
$(VENV)/ready: pyproject.toml core/pyproject.toml storage/pyproject.toml plugins/audio/pyproject.toml plugins/images/pyproject.toml plugins/molecules/pyproject.toml constraints.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit("Genwright needs Python 3.11 or later; this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(RUN)/python -m pip install --quiet -c constraints.txt $(PARTS) -r requirements-dev.txt
	touch $@
