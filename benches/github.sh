#!/usr/bin/env bash
# The speed of the GitHub slice and of RedPajama's steps in Python, on the same files.
#
#   benches/github.sh SLUICE FOLDER [ROUNDS]
#
# SLUICE is a release build of the program. FOLDER has source trees, from which
# `benches/github_rows.py` makes exports in the form of BigQuery, with about 200 MB of text. One
# worker, one Python process; CPU seconds of the whole process, user and system. Prints each round, and
# whether both keep the same files. (Letters that are newer than the Unicode tables of Python count
# only in ours.)
set -euo pipefail
sluice=$(realpath "$1") folder=$(realpath "$2") rounds=${3:-3}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 "$here/github_rows.py" "$folder" "$work/rows" 200
for round in $(seq "$rounds"); do
    rm -rf "$work/corpus" "$work/out" "$work/python"
    python3 "$here/github_original.py" "$work"/rows/*.gz --out "$work/python" >"$work/python.json"
    TIMEFORMAT='%U %S'
    cpu=$( { time "$sluice" add "$work/corpus" --slice github --label a "$work"/rows/*.gz --quiet -w 1 --json \
        >/dev/null 2>&1; } 2>&1)
    "$sluice" export "$work/corpus" --out "$work/out" --quiet >/dev/null
    python3 - "$work" "$cpu" <<'PYTHON'
import glob, gzip, json, sys
work, cpu = sys.argv[1], sum(map(float, sys.argv[2].split()))
original = json.load(open(f"{work}/python.json"))
mb = original["bytes"] / 1e6
print(f"{mb:.0f} MB of text: Python {original['cpu_s']:.1f} CPU s, {mb / original['cpu_s']:.1f} MB/s; "
      f"sluice {cpu:.2f} CPU s, {mb / cpu:.0f} MB/s; {original['cpu_s'] / cpu:.1f} times")
theirs = [json.loads(line) for path in sorted(glob.glob(f"{work}/python/filtered_*")) for line in gzip.open(path)]
ours = [json.loads(line) for line in open(f"{work}/out/github/a.jsonl")]
for record in theirs:
    record["meta"].pop("id", None)
for record in ours:
    record["meta"].pop("id", None), record["meta"].pop("blob_id", None)
texts = [[record["text"] for record in records] for records in (theirs, ours)]
differ = sum(a != b for a, b in zip(theirs, ours))
print(f"files kept: {len(theirs)} and {len(ours)}, texts {'the same' if texts[0] == texts[1] else 'NOT THE SAME'}, "
      f"{differ} records with a different number or field")
PYTHON
done
