#!/usr/bin/env bash
# The kernel and stage tests as other processors run them: compiled for less than this one can do.
#
#     tests/stress/processors.sh [TEST ...]
#
# Each has compiled code of its own, in a folder that is removed at the end. On a machine without AVX-512 or AVX2 the
# first of them is what it is anyway.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
if [ $# -eq 0 ]; then set -- tests/kernels tests/stages; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

tests() {
    local name=$1 cpu=$2 features=$3
    shift 3
    echo "== $name"
    NUMBA_CPU_NAME=$cpu NUMBA_CPU_FEATURES=$features NUMBA_CACHE_DIR="$folder/$name" \
        "$python" -m pytest -p no:cacheprovider "$@"
}

tests avx2 haswell +avx,+avx2,+fma,+sse4.2,+bmi,+bmi2,+lzcnt,+popcnt "$@"
tests avx sandybridge +avx,+sse4.2,+popcnt "$@"
tests sse2 x86-64 +sse2 "$@"
tests generic generic "" "$@"
