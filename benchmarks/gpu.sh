#!/usr/bin/env bash
# What only a machine with a GPU can tell: the tests that need one, then how fast models draw there.
# Under eight minutes. Core, the plugin of images and pytest must be installed; neither a store nor rdkit is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1
python3 -m pytest -m gpu tests/core/test_cuda.py
python3 benchmarks/run.py gpu "$@"
