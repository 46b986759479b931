#!/bin/sh
# Compares our models that score documents with the original tools, in one run (benches/models.rs).
#
#   benches/models.sh [FOLDER]
#
# Creates in FOLDER (default target/bench-models) a Python environment with the original tools, and a
# language model larger than the processor's cache, trained on the same pages by `sluice train lm`.
# Needs python3 with venv, a C++ compiler and the test data (SLUICE_TEST_DATA).
set -eu
cd "$(dirname "$0")/.."
folder=${1:-target/bench-models}
data=${SLUICE_TEST_DATA:?the folder of the test data}
. benches/original_tools.sh
if ! [ -e "$folder/large/en.sp.model" ]; then
    cargo build --release --locked
    rm -rf "$folder/corpus"
    target/release/sluice build --quiet --corpus "$folder/corpus" benches/models.toml
    target/release/sluice add "$folder/corpus" --quiet --slice common_crawl --label pages \
        "$data/commoncrawl/wet_derived/derived_shared.warc.wet.gz"
    target/release/sluice train lm --lang en --pieces 16000 --out "$folder/large" "$folder/corpus"
fi
SLUICE_BENCH_PYTHON=$(realpath -s "$python") exec cargo bench --locked --bench models -- --lm "$folder/large"
