"""`python -m tests.summaries` writes the summaries anew, as `make fix` does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.stacks.templates import STAGES, of_stage, synthesize
from tests.summaries.summary import FOLDER, summaries

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = [synthesize(Path(folder) / stage, stage, of_stage(stage)) for stage in STAGES]
        texts = summaries(made)
    for path in FOLDER.glob("*.txt"):
        if path.stem not in texts:
            path.unlink()
    for word, text in texts.items():
        (FOLDER / f"{word}.txt").write_text(text)
