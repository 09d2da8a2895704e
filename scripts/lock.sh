#!/bin/sh
# Pin every dependency with its hashes, for Python 3.11 to 3.13 on all platforms.
# The lock files name no package index: the installing machine's configuration decides.
set -eu
python=$1

[ -x .venv-lock/bin/uv ] || {
    "$python" -m venv .venv-lock
    .venv-lock/bin/python -m pip install --quiet uv
}
compile() {
    .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" "$@"
}
compile --output-file requirements.lock pyproject.toml
compile --output-file requirements-dev.lock pyproject.toml --group dev \
    --constraints requirements.lock
compile --output-file requirements-redis.lock --group redis --no-deps
