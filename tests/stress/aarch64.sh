#!/usr/bin/env bash
# Kernel and stage tests as an aarch64 processor runs them, by emulation. Needs Debian (apt-get, dpkg, run as root
# or with qemu-user already there), and PyPI.
#
#     tests/stress/aarch64.sh [FOLDER [TEST ...]]
#
# FOLDER keeps the emulated system, 1 GB, for the next time; TEST are arguments for pytest, instead of the subset below.
# 412 tests in 11 minutes; emulated code is some 30 times as slow, and most of the time is compilation.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${1:-/tmp/nnscratch-aarch64}")
shift || true
# What the README may promise. Left out: processes, signals and forks (the emulator has its own), and the largest cases.
subset=(tests/kernels/products/test_gemv.py tests/kernels/products/test_gemm.py tests/kernels/test_vectors.py
    tests/kernels/test_values.py tests/kernels/test_warp.py tests/kernels/test_normalization.py
    tests/kernels/test_updates.py tests/kernels/test_finite.py tests/kernels/layerwise/test_pooling.py
    tests/kernels/test_pool_tiles.py tests/stages/test_dense.py)

command -v qemu-aarch64-static >/dev/null || apt-get install -y --no-install-recommends qemu-user-static >/dev/null

if [ ! -e "$folder/ready" ]; then
    # An arm64 Python of Debian's, unpacked beside this system: apt gets a state of its own, so nothing here changes.
    mkdir -p "$folder"/{lists,debs/partial,root}
    : >"$folder/status"
    apt=(apt-get -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$folder/lists"
        -o Dir::State::status="$folder/status" -o Dir::Cache::archives="$folder/debs" -o Debug::NoLocking=1
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
    "${apt[@]}" update >/dev/null
    "${apt[@]}" install --download-only --no-install-recommends python3 libpython3-stdlib libstdc++6 zlib1g >/dev/null
    for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/root"; done
    version=$(basename "$(ls -d "$folder"/root/usr/lib/python3.* | head -1)")
    # The wheels for it, with the requirements of the kernel and stage tests.
    python3 -m venv "$folder/pip"
    "$folder/pip/bin/pip" install --quiet --target "$folder/site" --only-binary=:all: --implementation cp \
        --python-version "${version#python}" \
        --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux_2_28_aarch64 numpy numba threadpoolctl tqdm pandas matplotlib pytest
    touch "$folder/ready"
fi

python=$(ls "$folder"/root/usr/bin/python3.* | grep -E '/python3\.[0-9]+$' | head -1)
# NEON has 4 float32; the intrinsics are written for 8 (values.py), which LLVM splits in two.
export PYTHONPATH="$PWD:$folder/site" PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR="$folder/cache" PYTHONHOME="$folder/root/usr"
if [ $# -eq 0 ]; then set -- "${subset[@]}"; fi
exec qemu-aarch64-static -L "$folder/root" "$python" -m pytest -p no:cacheprovider "$@"
