"""StackExchange: compares RedPajama's own way with sluice, on the same sites, in the same run.

    python3 -m venv venv && venv/bin/pip install beautifulsoup4 lxml
    venv/bin/python benches/stack_exchange_original.py target/release/sluice SITE...

SITE is a folder with Posts.xml, named as its site. The upstream side is written for this comparison
from the description of RedPajama-Data@rp_v1 `data_prep/stack_exchange` (rows paired by ParentId,
answers sorted by the text of their scores, BeautifulSoup over lxml). It does not identify
languages, which would take more time; ours does, with the built-in identifier or with `--lid`.

The text of every thread is compared. Speed is in MB of Posts.xml per CPU second, of all threads and
processes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from bs4 import BeautifulSoup


def pairs(path):
    """The questions with their answers, paired as upstream does."""
    posts, parents = [], {}
    with open(path, encoding="utf-8-sig") as lines:
        for line in lines:
            if not line.lstrip().startswith("<row"):
                continue
            row = ElementTree.fromstring(line).attrib
            if "ParentId" in row:
                answer = {"id": row["Id"], "text": row["Body"], "score": row["Score"]}
                parents.setdefault(row["ParentId"], []).append(answer)
            else:
                posts.append(row)
    for row in posts:
        if "Title" not in row:
            continue
        text = row["Title"] + " " + row.get("Body", "")
        question = {"id": row["Id"], "text": text, "score": row.get("Score", 0)}
        yield question, parents.get(row["Id"], [])


def clean(html):
    """A part as plain text."""
    for tag, mark in (("<li>", "\n*"), ("</li>", ""), ("<ol>", "\n*"), ("</ol>", "")):
        html = html.replace(tag, mark)
    return BeautifulSoup(html, "lxml").get_text()


def original(sites):
    """The text of every thread, by its URL."""
    texts = {}
    for site in sites:
        host = os.path.basename(os.path.normpath(site))
        for question, answers in pairs(os.path.join(site, "Posts.xml")):
            text = "Q: " + clean(question["text"])
            if answers:
                answers.sort(key=lambda answer: answer["score"], reverse=True)
                text += "\nA: " + "\nA: ".join(clean(answer["text"]) for answer in answers)
            texts[f"https://{host}/questions/{question['id']}"] = text
    return texts


def ours(arguments, folder):
    """The text of every thread, by its URL, and the CPU seconds of a build."""
    sluice = os.path.abspath(arguments.sluice)
    paths = json.dumps([os.path.abspath(site) for site in arguments.sites])
    recipe = os.path.join(folder, "recipe.toml")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write('corpus = "corpus"\n[stack_exchange]\nanswers = "redpajama"\nsites_max = 0\n')
        if arguments.lid:
            file.write(f'[common_crawl]\nlid = {json.dumps(os.path.abspath(arguments.lid))}\n')
        file.write(f'[[input]]\nslice = "stack_exchange"\nlabel = "a"\npaths = {paths}\n')
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sluice, "build", recipe, "-w", "1", "--quiet"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    corpus, out = os.path.join(folder, "corpus"), os.path.join(folder, "out")
    subprocess.run([sluice, "export", corpus, "--out", out, "--quiet"], check=True)
    texts = {}
    with open(os.path.join(out, "stack_exchange", "a.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            texts[document["meta"]["url"]] = document["text"]
    return texts, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sluice", help="a release build of the program")
    parser.add_argument("--lid", help="fastText model of languages for ours; default: the built-in one")
    parser.add_argument("sites", nargs="+", help="folders with Posts.xml")
    arguments = parser.parse_args()
    size = sum(os.path.getsize(os.path.join(site, "Posts.xml")) for site in arguments.sites) / 1e6

    begun = time.process_time()
    expected = original(arguments.sites)
    python_seconds = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        found, seconds = ours(arguments, folder)

    equal = [url for url, text in expected.items() if found.get(url) == text]
    print(f"{len(expected)} threads, {len(equal)} equal, {size:.1f} MB")
    for url in [url for url in expected if found.get(url) != expected[url]][:20]:
        print(f"  differs: {url}: {found.get(url)!r:.200}, expected {expected[url]!r:.200}")
    for url in [url for url in found if url not in expected][:20]:
        print(f"  only ours: {url}")
    speeds = size / python_seconds, size / seconds
    print(f"upstream {speeds[0]:.2f} MB/s, sluice {speeds[1]:.2f} MB/s of CPU, "
          f"{speeds[1] / speeds[0]:.1f} times")
    return 0 if len(equal) == len(expected) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
