#!/usr/bin/env python3
"""Compares our cleaning of Wikipedia's pages with the original, on the same pages, in one run.

    cargo build --release -p wikitext --example clean_pages
    python3 -m venv venv && venv/bin/pip install mwparserfromhell rapidfuzz
    venv/bin/python benches/wikipedia_original.py target/release/examples/clean_pages DUMP...

DUMP is an XML export of pages, plain or .bz2, whose name begins with the language, as in
enwiki-20230320-pages-articles.xml.bz2; or a .tar.gz of wikitexts, assumed to be English, or of
mwparserfromhell's own test cases.

The original is Hugging Face's `wikipedia` script 2.0.0, rewritten here from its description, with
mwparserfromhell. Similarity is 2 * (longest common subsequence) / (sum of the lengths). Speed is
in MB of wikitext per CPU second, on one core.

Options: --differences FILE writes the pages that differ; --limit N reads N pages of each file.
"""

import argparse
import bz2
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import mwparserfromhell
from rapidfuzz.distance import Indel

MEDIA = {
    "bg": "Медия Файл Картинка",
    "ca": "Fitxer Imatge",
    "cs": "Soubor Média Obrázok",
    "da": "Billede Fil",
    "de": "Medium Datei Bild",
    "es": "Medio Archivo Imagen",
    "fr": "Média Fichier",
    "hr": "Mediji DT Slika F Datoteka",
    "hu": "Kép Fájl Média",
    "it": "Immagine",
    "nl": "Bestand Afbeelding",
    "pl": "Plik Grafika",
    "pt": "Multimédia Ficheiro Arquivo Imagem",
    "ro": "Fişier Imagine Fișier",
    "ru": "Медиа Файл Изображение",
    "sl": "Slika Datoteka",
    "sr": "Датотека Medij Slika Медија Datoteka Медиј Medija Слика",
    "sv": "Fil Bild",
    "uk": "Медіа Медиа Файл Изображение Зображення",
}
CATEGORY = {
    "bg": "Категория",
    "ca": "Categoria",
    "cs": "Kategorie",
    "da": "Kategori",
    "de": "Kategorie",
    "es": "CAT Categoría",
    "fr": "Catégorie",
    "hr": "CT KT Kategorija",
    "hu": "Kategória",
    "it": "CAT Categoria",
    "nl": "Categorie",
    "pl": "Kategoria",
    "pt": "Categoria",
    "ro": "Categorie",
    "ru": "Категория К",
    "sl": "Kategorija",
    "sr": "Kategorija Категорија",
    "sv": "Kategori",
    "uk": "Категория Категорія",
}


def prefix(names):
    return re.compile(f"^(?:{'|'.join(names)}):", re.IGNORECASE)


def original(wikitext, language):
    media = prefix(["File", "Image", "Media"] + MEDIA.get(language, "").split())
    category = prefix(["Category"] + CATEGORY.get(language, "").split())
    texts = []
    code = mwparserfromhell.parse(wikitext)
    for section in code.get_sections(flat=True, include_lead=True, include_headings=True):

        def remove(node):
            try:
                section.remove(node)
            except ValueError:
                pass

        for link in section.ifilter_wikilinks(
            recursive=True, matches=lambda link: media.match(str(link.title))
        ):
            remove(link)
        for link in section.ifilter_wikilinks(
            recursive=True, matches=lambda link: category.match(str(link.title))
        ):
            try:
                link.text = category.sub("", link.__strip__())
            except ValueError:
                pass
        for tag in section.ifilter_tags(
            recursive=True, matches=lambda tag: str(tag.tag) in {"ref", "table"}
        ):
            remove(tag)
        texts.append(re.sub("__[A-Z]*__", "", section.strip_code().strip()))
    return "\n\n".join(texts)


def pages(path):
    """(language, wikitext) of the articles of a file."""
    name = path.rsplit("/", 1)[-1]
    if name.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    text = archive.extractfile(member).read().decode("utf-8", "replace")
                    if member.name.endswith(".mwtest"):
                        for case in re.findall(r'^input: *"(.*)"$', text, re.MULTILINE):
                            yield "en", case.encode().decode("unicode_escape").replace("\0", "")
                    else:
                        yield "en", text
        return
    found = re.match("([a-z_]+?)(wiki|wiktionary)", name)
    language = found.group(1) if found else "en"
    with bz2.open(path) if path.endswith(".bz2") else open(path, "rb") as file:
        for _, page in ElementTree.iterparse(file):
            if not page.tag.endswith("}page"):
                continue
            space = page.tag[: -len("page")]
            if page.findtext(f"{space}ns") == "0" and page.find(f"{space}redirect") is None:
                texts = page.findall(f"{space}revision/{space}text")
                if texts and texts[-1].text:
                    yield language, texts[-1].text
            page.clear()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clean_pages")
    parser.add_argument("dumps", nargs="+")
    parser.add_argument("--differences")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    differences = open(args.differences, "w") if args.differences else None
    total = [0, 0, 0, 0.0, 0.0, 0.0]
    print(f"{'file':50} {'pages':>6} {'equal':>6} {'similarity':>10}  original      ours  MB/s")
    for dump in args.dumps:
        found = []
        for page in pages(dump):
            if args.limit and len(found) == args.limit:
                break
            found.append(page)
        size = sum(len(text.encode()) for _, text in found)
        began, expected = time.process_time(), []
        for language, text in found:
            try:
                expected.append(original(text, language))
            except (mwparserfromhell.parser.ParserError, RecursionError) as error:
                print(f"the original fails: {error}", file=sys.stderr)
                expected.append(None)
        original_seconds = time.process_time() - began
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
            for language, text in found:
                lines.write(json.dumps({"language": language, "wikitext": text}) + "\n")
            lines.flush()
            ran = subprocess.run([args.clean_pages, lines.name], capture_output=True, check=True)
        texts = [json.loads(line) for line in ran.stdout.decode().split("\n")[:-1]]
        assert len(texts) == len(expected), "one text for each page"
        seconds, equal, similarity = float(ran.stderr), 0, 0.0
        for (language, wikitext), ours, theirs in zip(found, texts, expected):
            equal += ours == theirs
            similarity += Indel.normalized_similarity(ours or "", theirs or "")
            if ours != theirs and differences:
                row = {"file": dump, "wikitext": wikitext, "ours": ours, "original": theirs}
                differences.write(json.dumps(row, ensure_ascii=False) + "\n")
        row = [len(found), equal, size, similarity, original_seconds, seconds]
        report(dump, row)
        total = [a + b for a, b in zip(total, row)]
    report("all", total)


def report(name, row):
    count, equal, size, similarity, original_seconds, seconds = row
    if not count:
        return
    print(
        f"{name[-50:]:50} {count:6} {equal:6} {similarity / count:10.5f}"
        f" {size / 1e6 / max(original_seconds, 1e-9):9.2f} {size / 1e6 / max(seconds, 1e-9):9.2f}"
        f"  x{original_seconds / max(seconds, 1e-9):.0f}",
        flush=True,
    )


main()
