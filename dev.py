#!/usr/bin/env python3
"""Run minigrad's examples and checks; all it needs is Python 3.11 or later.

    python3 dev.py mnist [options]      train a network on MNIST (options: --help)
    python3 dev.py test [pytest args]   run the tests and the examples in the docstrings
    python3 dev.py lint                 check style and formatting (ruff) and spelling (codespell)
    python3 dev.py types                check the type annotations (mypy)
    python3 dev.py docs                 build the documentation into docs/_build/html (Sphinx)
    python3 dev.py benchmark [options]  measure the speed against other frameworks (options: --help)
    python3 dev.py wheel                build the wheel and use it in an environment of its own
    python3 dev.py ci                   all five checks: test, lint, types, docs, wheel

The first run installs what it needs into .venv, next to this file; later runs reuse it.
"""

import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MINIMUM = (3, 11)
if sys.version_info < MINIMUM:
    sys.exit(
        "dev.py: minigrad needs Python {}.{} or later, but {} is Python {}.{}".format(
            *MINIMUM, sys.executable, *sys.version_info
        )
    )

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "minigrad.json"
EXTRAS = [
    "examples",
    "test",
    "dev",
    "docs",
    "benchmark",
]  # in pyproject.toml, each of them contains the one before


HELP = {"-h", "--help"}


def run(*command, **options):
    """Run a command; return its exit status."""
    return subprocess.run([str(part) for part in command], **options).returncode


def create_venv(directory):
    """Create a virtual environment, in place of any that is there; return its Python."""
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        sys.exit(
            "dev.py: this Python cannot create virtual environments: its venv and ensurepip "
            "modules are a package of their own here.\nOn Debian and Ubuntu, install it with: "
            "apt install python3-venv"
        )
    if run(sys.executable, "-m", "venv", "--clear", directory) != 0:
        sys.exit(f"dev.py: could not create the virtual environment {directory} (see above)")
    return venv_python(directory)


def venv_python(directory):
    """Return the path of the Python of a virtual environment, on this platform."""
    return directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip_install(python, *arguments):
    """Install packages, or leave with pip's own message above ours."""
    if run(python, "-m", "pip", "install", "--quiet", *arguments) != 0:
        sys.exit("dev.py: pip could not install what is needed; its own message is above")


def read_stamp():
    """Return what .venv was made from, or an empty dict where nobody knows."""
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def environment(extra):
    """Return the Python of .venv, created or brought up to date where it has to be.

    It is created anew for another Python or another place of the checkout, and updated when
    pyproject.toml has changed or an extra is asked for that it does not have yet.
    """
    home = {"root": str(ROOT), "python": "{}.{}".format(*sys.version_info)}
    stamp = read_stamp()
    if home.items() <= stamp.items() and venv_python(VENV).exists():
        python = venv_python(VENV)
        extra = max(extra, stamp.get("extra", extra), key=EXTRAS.index)
    else:
        print(f"dev.py: creating {VENV}", flush=True)
        python, stamp = create_venv(VENV), {}
    pyproject = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    wanted = {**home, "pyproject": pyproject, "extra": extra}
    if stamp != wanted:
        unfinished = {**home, "extra": extra}  # what stays true if pip fails or is stopped
        STAMP.write_text(json.dumps(unfinished), encoding="utf-8")
        print(f"dev.py: installing minigrad[{extra}]; the first time takes minutes", flush=True)
        pip_install(python, "--editable", f"{ROOT}[{extra}]")
        STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    return python


def mnist(*options):
    """Run the MNIST example in the caller's directory."""
    script = ROOT / "examples" / "mnist.py"
    if HELP & set(options):
        print(help_of(script))
        return 0
    return run(environment("examples"), script, *options)


def help_of(script):
    """Return what a script is about and its options, read from its source: nothing is installed."""
    source = ast.parse(script.read_text(encoding="utf-8"))
    lines = [ast.get_docstring(source), "", "options:"]
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.args[0])[1:3] == "--":
            words = {word.arg: word.value for word in node.keywords}
            about = words["help"].value if "help" in words else ast.unparse(words["choices"])
            line = f"  {node.args[0].value:12s}  {about}"
            default = words.get("default")
            is_plain = isinstance(default, ast.Constant | ast.List)
            lines.append(f"{line} (default: {ast.unparse(default)})" if is_plain else line)
    return "\n".join(lines)


def test(*options):
    """Run pytest in the project's root; everything, on all processors, if not told otherwise."""
    if not options:
        options = ["--numprocesses", "auto"]
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each process keeps one busy
    return run(environment("test"), "-m", "pytest", *options, cwd=ROOT)


def benchmark(*options):
    """Measure the speed and write docs/performance.md; to try or to ask takes no peers."""
    extra = "test" if {"--smoke", *HELP} & set(options) else "benchmark"
    return run(environment(extra), "-m", "tests.benchmarks", *options, cwd=ROOT)


def lint():
    """Run both halves of ruff, and codespell, whatever the ones before say."""
    python = environment("dev")
    tools = (["ruff", "check"], ["ruff", "format", "--check"], ["codespell_lib"])
    return max([run(python, "-m", *tool, cwd=ROOT) for tool in tools])


def types():
    """Run mypy on the package."""
    return run(environment("dev"), "-m", "mypy", cwd=ROOT)


def docs():
    """Build the documentation, every warning an error, and say where it begins."""
    python = environment("docs")
    built = ROOT / "docs" / "_build" / "html"
    # Without --fresh-env a page that was read before is not read again, nor warned about again.
    options = ["--fresh-env", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    status = run(python, "-m", "sphinx", *options, ROOT / "docs", built, cwd=ROOT)
    if status == 0:
        print(f"dev.py: open {built / 'index.html'}")
    return status


def wheel():
    """Build the source archive, the wheel from it, and use the wheel outside the checkout."""
    builder = environment("dev")
    with tempfile.TemporaryDirectory(prefix="minigrad-wheel-") as directory:
        away = Path(directory).resolve()
        if run(builder, "-m", "build", "--outdir", away, ROOT, cwd=away) != 0:
            return 1
        python = create_venv(away / "venv")
        pip_install(python, *away.glob("*.whl"))
        return run(python, "-I", ROOT / ".ci" / "check_wheel.py", cwd=away)


def ci():
    """Run every check, with hypothesis' ci profile, and say at the end which failed."""
    os.environ["HYPOTHESIS_PROFILE"] = "ci"
    failed = [check.__name__ for check in (test, lint, types, docs, wheel) if check() != 0]
    print(f"dev.py: failed: {', '.join(failed)}" if failed else "dev.py: all checks passed")
    return len(failed)


COMMANDS = {
    command.__name__: command for command in (mnist, test, benchmark, lint, types, docs, wheel, ci)
}


def main(arguments):
    """Run the command named first; return its exit status."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    name, *options = arguments
    if name not in COMMANDS:
        sys.exit(f"dev.py: no command {name!r}; there are: {', '.join(COMMANDS)}")
    if options and name not in ("mnist", "test", "benchmark"):
        sys.exit(f"dev.py: {name} takes no options, but got: {' '.join(options)}")
    return COMMANDS[name](*options)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
