import subprocess
import sys

import pytest

import minigrad.data

WITHOUT_OPTIONAL_PACKAGES = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pooch", "sklearn", "pandas", "scipy", "requests"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import minigrad.data as data
from minigrad.errors import DataNotFoundError, MissingExtraError

assert len(data.DataLoader(data.make_moons(), batch_size=50)) == 4
for load, error in ((data.load_digits, MissingExtraError), (data.load_mnist, DataNotFoundError)):
    try:
        load()
    except error as caught:
        assert "minigrad[data]" in str(caught), caught
    else:
        raise AssertionError(load)
"""


def test_the_package_works_without_optional_packages(monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    subprocess.run([sys.executable, "-c", WITHOUT_OPTIONAL_PACKAGES], check=True)


@pytest.mark.parametrize("name", minigrad.data.__all__)
def test_every_public_function_is_documented_with_an_example(name):
    public = getattr(minigrad.data, name)
    if callable(public):
        assert ">>> " in public.__doc__
