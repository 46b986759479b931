#!/bin/sh
# Compares each slice with its Python original, on the test data, one after the other.
#
#   benches/slices.sh [FOLDER]
#
# Creates in FOLDER (default target/bench-slices) a Python environment with the packages that the
# originals import. The source code is the crates that cargo has fetched. Needs python3 with venv and
# the test data (SLUICE_TEST_DATA); takes about 15 minutes, most of them in mwparserfromhell.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-target/bench-slices}
data=$(realpath "${SLUICE_TEST_DATA:?the folder of the test data}")
python="$folder/python/bin/python"
if ! "$python" -c 'import bs4, lxml, mwparserfromhell, nltk, numpy, rapidfuzz, simhash' 2>/dev/null; then
    python3 -m venv "$folder/python"
    "$python" -m pip install --quiet beautifulsoup4 lxml mwparserfromhell nltk numpy rapidfuzz simhash
fi
cargo build --release --locked
cargo build --release --locked --package wikitext --example clean_pages
sluice=target/release/sluice

echo "== C4: shards"
"$python" benches/beside.py c4 benches/c4_original.py "$data"/c4/*.json.gz --times 150
echo "== C4: its rules on WET files"
"$python" benches/beside.py c4 benches/c4_original.py \
    "$data"/commoncrawl/wet_derived/derived_shared.warc.wet.gz --args=--wet \
    --settings 'source = "wet"\nlanguages = []\nmin_language_score = 0.0'
echo "== GitHub"
benches/github.sh "$sluice" "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*
echo "== Books"
"$python" benches/books_original.py "$sluice" "$data/books"
echo "== Wikipedia: wikitext to text"
"$python" benches/wikipedia_original.py target/release/examples/clean_pages \
    "$data"/wikipedia/*.xml.bz2 "$data"/wikipedia/minidumps/*.xml.bz2
echo "== arXiv"
"$python" benches/arxiv_original.py "$data"/arxiv/eprints/*.gz "$data"/arxiv/src/*.tar \
    --sluice "$sluice" --copies 10
echo "== StackExchange, language by the built-in identifier, then by lid.176.ftz"
for lid in "" "--lid $data/models/langid/lid.176.ftz"; do
    # shellcheck disable=SC2086
    "$python" benches/stack_exchange_original.py "$sluice" "$data"/stackexchange/*.com \
        "$data"/stackexchange/*.net $lid
done
