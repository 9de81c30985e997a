#!/usr/bin/env bash
# What only a machine with a GPU can tell, in less than eight minutes: the tests that need one, those of kernels on it,
# then how fast kernels are there and models draw. The table of which kernels are fastest there is written too.
#
#   bash benchmarks/gpu.sh           on a machine with a GPU
#   bash benchmarks/gpu.sh --smoke   anywhere, to see that it runs: without a GPU kernels are interpreted
#
# A checkout will do, with torch, triton, pluggy, safetensors, lightning-fabric and pytest, of which nothing need be
# installed by this. What is measured beside other packages, or with plugins that need some, says so where they are
# missing. Nothing is kept in results/ unless all tests are green.
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1
python="${PYTHON:-python3}"
limits=(120 180) seconds=150 wanted=(--tune)
# Interpreted, tests of kernels take minutes.
[[ " $* " == *" --smoke "* ]] && wanted=() limits=(600 600)
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

has() { "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)"; }

export PYTHONPATH="$PWD/core/src:$PWD${PYTHONPATH:+:$PYTHONPATH}:$scratch"

# Shapes in signatures are left unchecked where what checks them is missing: there the names in them mean nothing.
if ! has jaxtyping || ! has beartype; then
    cat > "$scratch/jaxtyping.py" <<'END'
class Shaped:
    def __class_getitem__(cls, given):
        return given[0]


def install_import_hook(modules, checker):
    return None


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Shaped
END
    export PYTHONPATH="$scratch:$PYTHONPATH"
fi
if ! has platformdirs; then
    cat > "$scratch/platformdirs.py" <<END
def user_data_dir(name, **given):
    return "$scratch/home"


user_cache_dir = user_data_dir
END
fi

# Most of the time of tests goes into compiling, which several processes do at once, each every so many tests.
cat > "$scratch/part.py" <<'END'
import os


def pytest_collection_modifyitems(items):
    part, parts = map(int, os.environ["PART"].split("/"))
    items[:] = items[part::parts]
END

# The seconds that tests may take, then what pytest is given.
tested() {
    local cores parts part status=0 running=()
    cores=$(nproc)
    parts=$((cores < 12 ? cores : 12))
    for ((part = 0; part < parts; part++)); do
        PART="$part/$parts" timeout "$1" "$python" -m pytest -q -p part -p no:cacheprovider -p no:benchmark -p no:xdist \
            "${@:2}" > "$scratch/$part.txt" 2>&1 &
        running+=($!)
    done
    for ((part = 0; part < parts; part++)); do
        wait "${running[part]}"
        # 5 is of no test at all, where there are fewer than processes.
        case $? in 0 | 5) tail -n 1 "$scratch/$part.txt" ;; *) status=1 && cat "$scratch/$part.txt" ;; esac
    done
    return "$status"
}

# A plugin of the checkout is found as if it were installed, if what it needs is there.
plugin() {
    local name="$1" info="$scratch/genwright_$1-0.1.0.dist-info"
    for package in "${@:2}"; do has "$package" || return 0; done
    "$python" -c "from importlib.metadata import version; version('genwright-$name')" 2> /dev/null && return 0
    mkdir "$info"
    printf 'Metadata-Version: 2.1\nName: genwright-%s\nVersion: 0.1.0\n' "$name" > "$info/METADATA"
    printf '[genwright.v1]\n%s = genwright_%s.plugin\n' "$name" "$name" > "$info/entry_points.txt"
    export PYTHONPATH="$PWD/plugins/$name/src:$PYTHONPATH"
}
plugin images numpy PIL
plugin audio numpy soundfile soxr torchaudio
plugin molecules rdkit

gpu=$(grep -rlE --include='test_*.py' 'mark\.gpu' tests/core)
# Those of other implementations tell nothing that a machine without a GPU would not.
kernels=$(ls tests/core/kernels/*/test_kernel.py)
red=0
# shellcheck disable=SC2086
tested "${limits[0]}" -m gpu $gpu || red=1
# shellcheck disable=SC2086
tested "${limits[1]}" -m "not gpu" -k "not hopper" $kernels || red=1
gate=(--tested)
if ((red)); then
    echo "Tests are red: what is measured is not kept." >&2
    gate=(--ungated) wanted=()
fi
"$python" benchmarks/run.py kernels sampling "${gate[@]}" "${wanted[@]}" --seconds "$seconds" "$@" || red=1
exit "$red"
