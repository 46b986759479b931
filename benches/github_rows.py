#!/usr/bin/env python3
"""Writes source trees in the form of BigQuery's `github_repos`, for measurements.

    python3 benches/github_rows.py FOLDER OUT MEGABYTES

Each folder in FOLDER is a repository. Writes `OUT/github_NNNNNNNNNNNN.gz`, at least ten files of JSON
lines with about MEGABYTES MB of text in total, tree by tree, in order of name. If there is not enough
text, files are repeated, two of three with an additional line. Files that are not UTF-8 or larger
than 1 MiB have no content in BigQuery and are left out.
"""

import gzip
import hashlib
import json
import os
import sys

LICENCES = ("mit", "apache-2.0", "bsd-3-clause", "gpl-3.0")


def files(folder):
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) <= 1 << 20:
                with open(path, "rb") as file:
                    raw = file.read()
                try:
                    yield os.path.relpath(path, folder), raw.decode("utf-8")
                except UnicodeDecodeError:
                    pass


def rows(folder):
    number = 0
    for copy in range(100):
        for path, text in files(folder):
            number += 1
            if copy and number % 3:
                text += f"\n// copy {copy}\n"
            repository, _, path = path.partition("/")
            raw = text.encode()
            yield len(raw), {
                "id": hashlib.sha1(raw).hexdigest(),
                "size": str(len(raw)),
                "content": text,
                "binary": False,
                "copies": "1",
                "repo_name": f"{repository}/{copy}",
                "ref": "refs/heads/master",
                "path": path,
                "mode": "33188",
                # Most are kept, as from upstream's query.
                "license": LICENCES[number % 16 if number % 16 < 3 else (3 if number % 16 == 3 else 0)],
                "language": [{"name": "Rust", "bytes": str(len(raw))}],
            }


def main():
    folder, out, megabytes = sys.argv[1], sys.argv[2], float(sys.argv[3])
    os.makedirs(out, exist_ok=True)
    done, number, file = 0, 0, None
    for size, row in rows(folder):
        if file is None or done >= number * megabytes * 1e5:
            file and file.close()
            file = gzip.open(os.path.join(out, f"github_{number:012}.gz"), "wt", compresslevel=6)
            number += 1
        file.write(json.dumps(row) + "\n")
        done += size
        if done >= megabytes * 1e6:
            break
    file and file.close()


if __name__ == "__main__":
    main()
