#!/usr/bin/env python3
"""Make the pictures in docs/images: run the Python in pictures.md, and keep what it saves as .svg.

    python docs/make_images.py

So each picture is what the code above it on the page makes. Needs minigrad and Graphviz, or the
extra viz.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "pictures.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Run the page and copy its pictures."""
    namespace = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        with contextlib.chdir(folder), contextlib.redirect_stdout(nowhere):
            for code in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
                exec(compile(code, PAGE, "exec"), namespace)
        for picture in sorted(Path(folder).glob("*.svg")):
            shutil.copyfile(picture, DOCS / "images" / picture.name)


if __name__ == "__main__":
    main()
