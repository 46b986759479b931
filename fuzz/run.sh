#!/usr/bin/env bash
# fuzz/run.sh TARGET [RUNS [FLAGS...]]
#
# Builds a target of fuzz/fuzz_targets/ and runs it RUNS times, or forever. FLAGS are flags of libFuzzer,
# such as -max_len=200 or -seed=1; a file among them is the only input. TARGET `all` runs every
# target RUNS times, one after another, and prints a line for each; a finding does not stop it.
#
# Works with any compiler, stable too: coverage is a pass of LLVM. There is no address sanitizer, as
# our crates have no unsafe code. New inputs are in fuzz/corpus/TARGET, findings in
# fuzz/artifacts/TARGET. Needs a C++ compiler, for libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; ls fuzz/fuzz_targets | sed 's/\.rs$//'; exit 2; }
target=$1 runs=${2:--1}
shift; [ $# -eq 0 ] || shift

host=$(rustc -vV | sed -n 's/^host: //p')
coverage=(-Cpasses=sancov-module)
for argument in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=("-Cllvm-args=-sanitizer-coverage-$argument")
done
export RUSTFLAGS="--cfg fuzzing ${coverage[*]} ${RUSTFLAGS-}"
# Readers take files: keep them in memory if the system has a folder for that.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then export TMPDIR=${TMPDIR:-/dev/shm}; fi

# The largest input, in bytes: larger ones take longer and seldom find more.
max_bytes() {
    case $1 in
        keep | recipe | signals | text_rules) echo 400 ;;
        corpus_files | fasttext) echo 6000 ;;
        compressed | gutenberg | html_text | latex | licence | source_code | wikitext) echo 1000 ;;
        *) echo 4096 ;;
    esac
}

build() { cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host" "$@"; }

# Runs a target, starting from its corpus and the seeds.
run() {
    local target=$1; shift
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    local inputs=() argument
    for argument in "$@"; do [ -f "$argument" ] && inputs=("$argument"); done
    [ ${#inputs[@]} -gt 0 ] || inputs=("fuzz/corpus/$target")
    [ ! -d "fuzz/seeds/$target" ] || [ -f "${inputs[0]}" ] || inputs+=("fuzz/seeds/$target")
    local flags=()
    for argument in "$@"; do [ -f "$argument" ] || flags+=("$argument"); done
    "fuzz/target/$host/release/$target" "-max_len=$(max_bytes "$target")" -len_control=20 -timeout=20 \
        -rss_limit_mb=2048 "-runs=$runs" "-artifact_prefix=fuzz/artifacts/$target/" "${flags[@]}" "${inputs[@]}"
}

if [ ! -d fuzz/seeds ]; then
    RUSTFLAGS='' cargo run --quiet --example fuzz_seeds -- fuzz/seeds
fi
if [ "$target" != all ]; then
    build --bin "$target"
    run "$target" "$@"
    exit
fi
build --bins
status=0
for file in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$file" .rs)
    log=fuzz/artifacts/$name.log
    mkdir -p fuzz/artifacts
    if run "$name" -print_final_stats=1 "$@" >"$log" 2>&1; then result=nothing; else result="a finding, in $log" status=1; fi
    awk -v name="$name" -v result="$result" '
        /^stat::number_of_executed_units/ { runs = $2 } /^stat::average_exec_per_sec/ { rate = $2 }
        END { printf "%-16s %9d runs %7d/s: %s\n", name, runs, rate, result }' "$log"
done
exit $status
