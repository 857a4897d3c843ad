"""dev.py: when it makes the environment, when it leaves it alone, and what it says."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """dev.py in a checkout of its own, where commands are noted down instead of run."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "minigrad.json")
    module.calls, module.failing = [], None

    def run(*command, **options):
        words = [str(word) for word in command]
        kind = next(
            word for word in ("venv", "pip", "pytest", "other") if word in [*words, "other"]
        )
        module.calls.append(words)
        if kind == "venv":
            python = module.venv_python(Path(words[-1]))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            module.STAMP.unlink(missing_ok=True)
        return int(kind == module.failing)

    monkeypatch.setattr(module, "run", run)
    return module


def installed(dev):
    """Return the extras that pip was asked for, and forget what was called."""
    extras = [words[-1].rpartition("[")[2].rstrip("]") for words in dev.calls if "pip" in words]
    created = any("venv" in words for words in dev.calls)
    dev.calls.clear()
    return created, extras


def test_environment_is_made_once(dev):
    dev.environment("test")
    assert installed(dev) == (True, ["test"])
    dev.environment("test")
    assert installed(dev) == (False, [])


def test_extras_accumulate(dev):
    for extra in ("examples", "dev", "test", "examples"):
        dev.environment(extra)
    assert installed(dev) == (True, ["examples", "dev"])


def test_each_extra_contains_the_one_before(dev):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for smaller, larger in zip(dev.EXTRAS, dev.EXTRAS[1:], strict=False):
        assert f"minigrad[{smaller}]" in project["optional-dependencies"][larger]


def test_changed_pyproject_is_installed_again(dev):
    dev.environment("dev")
    dev.calls.clear()
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    dev.environment("examples")
    assert installed(dev) == (False, ["dev"])


@pytest.mark.parametrize("key", ["root", "python"])
def test_moved_checkout_or_other_python_makes_it_anew(dev, key):
    dev.environment("test")
    dev.calls.clear()
    dev.STAMP.write_text(json.dumps({**json.loads(dev.STAMP.read_text()), key: "another"}))
    dev.environment("examples")
    assert installed(dev) == (True, ["examples"])


@pytest.mark.parametrize("stamp", ["", "{"])
def test_unreadable_stamp_makes_it_anew(dev, stamp):
    dev.environment("test")
    dev.calls.clear()
    dev.STAMP.write_text(stamp)
    dev.environment("test")
    assert installed(dev) == (True, ["test"])


def test_missing_interpreter_makes_it_anew(dev):
    dev.environment("test").unlink()
    dev.calls.clear()
    dev.environment("test")
    assert installed(dev) == (True, ["test"])


def test_failed_installation_is_tried_again_in_the_same_environment(dev):
    dev.failing = "pip"
    with pytest.raises(SystemExit, match="pip could not install"):
        dev.environment("test")
    assert installed(dev) == (True, ["test"])
    dev.failing = None
    dev.environment("examples")
    assert installed(dev) == (False, ["test"])


@pytest.mark.parametrize(
    ("system", "place"), [("nt", "Scripts/python.exe"), ("posix", "bin/python")]
)
def test_each_system_has_its_place_for_the_interpreter(dev, system, place, monkeypatch):
    monkeypatch.setattr(dev, "os", SimpleNamespace(name=system))
    assert dev.venv_python(Path("venv")) == Path("venv", place)


def test_failure_to_create_the_environment_is_said(dev):
    dev.failing = "venv"
    with pytest.raises(SystemExit, match="could not create the virtual environment"):
        dev.environment("test")


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_missing_venv_module_names_the_package(dev, missing, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find_spec(name)
    )
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.environment("test")
    assert dev.calls == []


def test_options_are_passed_on_and_the_status_comes_back(dev):
    assert dev.main(["mnist", "--epochs", "1"]) == 0
    assert dev.calls[-1][1:] == [str(dev.ROOT / "examples" / "mnist.py"), "--epochs", "1"]
    dev.failing = "pytest"
    assert dev.main(["test", "-k", "adam"]) == 1
    assert dev.calls[-1][1:] == ["-m", "pytest", "-k", "adam"]


@pytest.mark.parametrize(
    ("options", "extra"), [(["--smoke"], "test"), (["--help"], "test"), ([], "benchmark")]
)
def test_benchmarks_need_the_peers_unless_they_are_only_tried(dev, options, extra):
    assert dev.main(["benchmark", *options]) == 0
    assert dev.calls[-1][1:] == ["-m", "tests.benchmarks", *options]
    assert installed(dev) == (True, [extra])


def test_ci_runs_every_check_and_names_those_that_failed(dev, capsys, monkeypatch):
    monkeypatch.setenv("HYPOTHESIS_PROFILE", "dev")  # set back afterwards
    monkeypatch.setattr(dev, "wheel", dev.types)  # the wheel needs real commands
    dev.failing = "pytest"
    assert dev.main(["ci"]) == 1
    assert capsys.readouterr().out.endswith("dev.py: failed: test\n")
    tools = [words[2] for words in dev.calls]
    assert [name for name in tools if name not in ("venv", "pip")] == [
        "pytest", "ruff", "ruff", "codespell_lib", "mypy", "sphinx", "mypy",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tset"], "no command 'tset'; there are: mnist, test"),
        (["lint", "-x"], "lint takes no opt"),
    ],
)
def test_mistakes_on_the_command_line(dev, arguments, message):
    with pytest.raises(SystemExit, match=message):
        dev.main(arguments)


def test_without_a_command_it_prints_what_there_is():
    shown = subprocess.run(
        [sys.executable, ROOT / "dev.py"], capture_output=True, text=True, check=True
    ).stdout
    assert all(f"dev.py {name} " in shown for name in ("mnist", "test", "lint", "types", "ci"))


def test_old_python_is_told_what_is_needed(tmp_path):
    script = f"""
import runpy, sys
sys.version_info = (3, 9, 1)
runpy.run_path({str(ROOT / "dev.py")!r}, run_name="__main__")
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert shown.returncode == 1
    assert "minigrad needs Python 3.11 or later" in shown.stderr
    assert "is Python 3.9" in shown.stderr
