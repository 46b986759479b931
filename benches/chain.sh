#!/bin/sh
# Measures the CommonCrawl slice with all models beside the original tools, in one run (benches/chain.rs).
#
#   benches/chain.sh WET_FOLDER [FOLDER]
#
# Creates in FOLDER (default target/bench-models, as benches/models.sh) a Python environment with the original tools. Needs
# python3 with venv, a C++ compiler and the test data (SLUICE_TEST_DATA).
set -eu
wet=$(realpath "$1")
cd "$(dirname "$0")/.."
folder=${2:-target/bench-models}
: "${SLUICE_TEST_DATA:?the folder of the test data}"
. benches/original_tools.sh
SLUICE_BENCH_PYTHON=$(realpath -s "$python") exec cargo bench --locked --bench chain -- "$wet"
