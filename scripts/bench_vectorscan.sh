#!/usr/bin/env bash
# Our rules beside vectorscan with the same patterns, over the same text in the same run: the project's documents and code (or FILES).
# Needs a C compiler and Debian's libvectorscan-dev; nothing else of the project does.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -o "$work/scan" benches/vectorscan/scan.c -lhs
python3 - > "$work/patterns" <<'PYTHON'
import pathlib, tomllib
for path in sorted(pathlib.Path("rulesets").rglob("*.toml")):
    for rule in tomllib.loads(path.read_text()).get("rule", []):
        if "regex" in rule:
            print(rule["id"], rule["regex"], sep="\t")
PYTHON
if [ $# -gt 0 ]; then cat "$@"; else cat ./*.md docs/*.md src/*.rs src/*/*.rs; fi | head -c 1000000 | iconv -cs -f utf-8 -t utf-8 > "$work/text"
cargo bench --locked --quiet --bench detect -- "$work/text"
"$work/scan" "$work/patterns" "$work/text"
