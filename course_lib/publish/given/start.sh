#!/bin/sh
# Makes the environment .venv in this folder, once, and opens the notebooks:
#   sh start.sh             (or: sh start.sh lab, with options of JupyterLab behind it)
#   sh start.sh test        runs the tests that came with the course
#   sh start.sh run         trains the small GPT-2 and writes a report (--help tells the options)
# TORCH_INDEX=https://download.pytorch.org/whl/cpu sh start.sh
#                         takes torch from there: PyTorch's build without CUDA, which is much smaller on Linux
set -eu
cd "$(dirname "$0")"

find_python() {
    for python in "$@"; do
        "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && return
    done
    echo "Expected Python 3.11, 3.12 or 3.13, but none of these is one: $*;" \
        "install one of them, or name it: PYTHON=/path/to/python3.12 sh start.sh" >&2
    exit 2
}

# in a folder that was moved, the environment still leads to the old place; a newer course may ask for other versions
wanted() {
    pwd
    cat constraints.txt
}

install() {
    if [ -n "${PYTHON:-}" ]; then find_python "$PYTHON"; else find_python python3 python3.13 python3.12 python3.11; fi
    echo "Installing the course into .venv, once; this takes a few minutes."
    "$python" -m venv .venv
    if [ -n "${TORCH_INDEX:-}" ]; then
        .venv/bin/python -m pip install --disable-pip-version-check --no-deps -c constraints.txt \
            --index-url "$TORCH_INDEX" torch
    fi
    .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[present,test]"
    wanted > .venv/ready
}

what="${1:-lab}"
if [ $# -gt 0 ]; then shift; fi
case "$what" in
    lab) set -- -m course_lib.publish.lab "$@" ;;
    test) set -- -m pytest "$@" ;;
    run) set -- -m course_lib run "$@" ;;
    *) echo "Expected lab, test or run, but $what came; sh start.sh alone opens the notebooks." >&2; exit 2 ;;
esac
if [ "$(cat .venv/ready 2>/dev/null)" != "$(wanted)" ]; then install; fi
exec .venv/bin/python "$@"
