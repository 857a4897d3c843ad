#!/usr/bin/env python3
"""Make the pictures in docs/images: run the Python of the pages, and keep what they show of it.

    python docs/make_images.py [PAGE ...]     (by default, every page that shows a picture)

So each picture is what the code above it on the page makes; one that no page makes is an error.
Needs what `python3 dev.py test` installs.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # times of the work, not of waiting threads
os.environ["SOURCE_DATE_EPOCH"] = "0"  # no date in the files: the same picture is the same bytes

import matplotlib as mpl

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"\]\((?:\.\./)*images/([\w.-]+\.svg)\)")


def make(page: Path) -> set[str]:
    """Run a page, copy the pictures that it shows, and return their names."""
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        with contextlib.chdir(folder), contextlib.redirect_stdout(nowhere):
            for code in BLOCK.findall(text):
                exec(compile(code, page, "exec"), namespace)
        made = {name for name in PICTURE.findall(text) if Path(folder, name).exists()}
        for name in sorted(made):
            shutil.copyfile(Path(folder, name), DOCS / "images" / name)
    return made


def main() -> None:
    """Make the pictures of the pages that are named, or of all."""
    mpl.rcParams.update({"svg.hashsalt": "minigrad", "svg.fonttype": "none"})
    pages = [Path(name).resolve() for name in sys.argv[1:]] or sorted(DOCS.rglob("*.md"))
    pages = [page for page in pages if PICTURE.search(page.read_text(encoding="utf-8"))]
    made = set().union(*map(make, pages))
    unmade = {picture.name for picture in (DOCS / "images").iterdir()} - made
    if unmade and not sys.argv[1:]:
        sys.exit(f"no page makes {', '.join(sorted(unmade))}")


if __name__ == "__main__":
    main()
