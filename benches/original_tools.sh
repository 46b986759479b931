# Sets `python` to a Python with the original tools, in an environment that it creates in $folder.
mkdir -p "$folder"
python="$folder/python/bin/python"
if ! "$python" -c 'import fasttext, kenlm, sentencepiece, tokenizers' 2>/dev/null; then
    python3 -m venv "$folder/python"
    "$python" -m pip install --quiet 'numpy<2' fasttext-wheel kenlm sentencepiece tokenizers
fi
