"""The pages of docs/ that are made from the code: `python -m documents` writes them, `--check` compares them."""
