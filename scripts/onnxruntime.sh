#!/bin/sh
# Fetches the ONNX Runtime shared library from its published wheel and prints its path. Safe to run again; nothing is installed.
#
#   scripts/onnxruntime.sh                                    # ~/.cache/pitcrew/onnxruntime/libonnxruntime.so.1.32.0
#   PITCREW_ONNXRUNTIME_LIB="$(scripts/onnxruntime.sh)" cargo build --release -p pitcrew-app    # a binary that carries it
#
# PITCREW_CACHE names another cache folder. Wheel and library are pinned by digest below.
set -eu

version=1.32.0
case "$(uname -m)" in
x86_64)
    wheel=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
    library=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f
    ;;
aarch64)
    wheel=2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c
    library=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a
    ;;
*)
    echo "onnxruntime: no pinned library for $(uname -m)" >&2
    exit 1
    ;;
esac

folder="${PITCREW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pitcrew}/onnxruntime"
target="$folder/libonnxruntime.so.$version"

matches() { echo "$library  $1" | sha256sum --check --status 2>/dev/null; }

if matches "$target" && [ -s "$folder/LICENSE" ] && [ -s "$folder/ThirdPartyNotices.txt" ]; then
    echo "$target"
    exit 0
fi

mkdir -p "$folder"
work="$(mktemp -d "$folder/fetch.XXXXXX")"
trap 'rm -rf "$work"' EXIT INT TERM
echo "onnxruntime==$version --hash=sha256:$wheel" >"$work/requirements.txt"
# The library is the same whatever Python runs this, so one wheel is asked for by name.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform "manylinux_2_28_$(uname -m)" \
    --dest "$work" --requirement "$work/requirements.txt" >&2

python3 - "$work" "$version" <<'PYTHON'
import pathlib, sys, zipfile

work, version = pathlib.Path(sys.argv[1]), sys.argv[2]
members = [f"capi/libonnxruntime.so.{version}", "LICENSE", "ThirdPartyNotices.txt"]
with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
    for member in members:
        (work / pathlib.PurePosixPath(member).name).write_bytes(wheel.read(f"onnxruntime/{member}"))
PYTHON

if ! matches "$work/libonnxruntime.so.$version"; then
    echo "onnxruntime: the library in the wheel does not have the pinned digest" >&2
    exit 1
fi
chmod 755 "$work/libonnxruntime.so.$version"
# The library last: while it is missing, a run cut off here starts over.
for name in LICENSE ThirdPartyNotices.txt "libonnxruntime.so.$version"; do
    mv -f "$work/$name" "$folder/$name"
done
echo "$target"
