import shutil

import numpy as np
import pooch
import pytest

from minigrad.data import fetch, read_idx, write_idx
from minigrad.data.fetch import Source, locate
from minigrad.errors import DataError, DataNotFoundError, MissingExtraError

SOURCE = Source(
    title="Tiny",
    folders=("tiny", "TINY/raw"),
    mirrors=("https://first.example/", "https://second.example/data/"),
    files=("train-idx1-ubyte", "test-idx1-ubyte"),
)
CONTENT = np.arange(5, dtype=np.uint8)
WAYS_OUT = "Either pass directory=.* set the environment variable MINIGRAD_DATA .*pip install"


def verify(name, path):
    read_idx(path, shape=CONTENT.shape)


def place(folder, names=SOURCE.files, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_idx(folder / f"{name}{suffix}", CONTENT)
    return folder


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.delenv(fetch.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "minigrad" / "tiny"


@pytest.fixture
def mirrors(monkeypatch):
    """Replace the downloader by one that copies from a folder of each mirror's."""
    folders, requests = {}, []

    class Downloader:
        def __init__(self, timeout):
            assert timeout > 0

        def __call__(self, url, output_file, pooch):
            requests.append(url)
            mirror, _, name = url.rpartition("/")
            folder = folders.get(f"{mirror}/")
            if folder is None:
                raise ConnectionError("no answer")
            shutil.copy(folder / name, output_file)

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    return folders, requests


# --- Directories of the user's ---------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("folder", ["", "tiny", "TINY/raw"])
def test_files_in_a_directory_and_its_folders(tmp_path, folder, suffix):
    place(tmp_path / folder, suffix=suffix)
    found = locate(SOURCE, tmp_path, verify)
    assert found == {name: tmp_path / folder / f"{name}{suffix}" for name in SOURCE.files}


def test_names_with_a_dot(tmp_path):
    place(tmp_path, names=["train.idx1-ubyte", "test-idx1-ubyte"])
    assert locate(SOURCE, tmp_path, verify)["train-idx1-ubyte"].name == "train.idx1-ubyte.gz"


def test_folders_of_the_data_set_come_before_the_directory_itself(tmp_path):
    place(tmp_path)
    place(tmp_path / "tiny")
    assert locate(SOURCE, tmp_path, verify)["train-idx1-ubyte"].parent == tmp_path / "tiny"


def test_a_complete_folder_comes_before_a_part(tmp_path):
    place(tmp_path)
    place(tmp_path / "tiny", names=SOURCE.files[:1])
    assert locate(SOURCE, tmp_path, verify)["train-idx1-ubyte"].parent == tmp_path


def test_the_environment_variable_names_a_directory_and_the_argument_goes_first(
    tmp_path, monkeypatch
):
    named = place(tmp_path / "named")
    monkeypatch.setenv("MINIGRAD_DATA", str(named))
    assert locate(SOURCE, None, verify)["train-idx1-ubyte"].parent == named
    given = place(tmp_path / "given")
    assert locate(SOURCE, str(given), verify)["train-idx1-ubyte"].parent == given
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(SOURCE, "~/given", verify)["train-idx1-ubyte"].parent == given


def test_what_is_missing_is_named_with_the_places_looked_in(tmp_path):
    place(tmp_path, names=SOURCE.files[:1])
    match = (
        f"Tiny: found no test-idx1-ubyte, with or without .gz, in {tmp_path}, {tmp_path}/tiny, "
        f"{tmp_path}/TINY/raw \\(named by the directory argument\\). {WAYS_OUT}"
    )
    with pytest.raises(DataNotFoundError, match=match):
        locate(SOURCE, tmp_path, verify)


def test_directories_that_are_none(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=f"which the directory argument names, does not e.*{WAYS_OUT}"
    ):
        locate(SOURCE, tmp_path / "nothing", verify)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "file"))
    with pytest.raises(
        DataNotFoundError, match=r"environment variable MINIGRAD_DATA names, is a file"
    ):
        locate(SOURCE, None, verify)


def test_a_directory_is_never_downloaded_into(tmp_path, mirrors):
    with pytest.raises(DataNotFoundError, match="found no"):
        locate(SOURCE, tmp_path, verify)
    assert mirrors[1] == []


# --- The cache -------------------------------------------------------------------------------


def test_the_cache_is_filled_once(tmp_path, cache, mirrors):
    folders, requests = mirrors
    folders["https://first.example/"] = place(tmp_path / "served")
    found = locate(SOURCE, None, verify)
    assert found == {name: cache / f"{name}.gz" for name in SOURCE.files}
    assert requests == [f"https://first.example/{name}.gz" for name in SOURCE.files]
    assert locate(SOURCE, None, verify) == found
    assert len(requests) == 2
    assert sorted(path.name for path in cache.iterdir()) == sorted(
        f"{name}.gz" for name in SOURCE.files
    )


def test_an_empty_environment_variable_names_nothing(tmp_path, cache, mirrors, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", "")
    mirrors[0]["https://first.example/"] = place(tmp_path / "served")
    assert locate(SOURCE, None, verify)["test-idx1-ubyte"].parent == cache


def test_the_next_mirror_is_tried_after_one_that_fails_or_serves_something_else(
    tmp_path, cache, mirrors
):
    folders, requests = mirrors
    folders["https://second.example/data/"] = place(tmp_path / "served")
    locate(SOURCE, None, verify)
    assert len(requests) == 4
    shutil.rmtree(cache)
    wrong = folders["https://first.example/"] = tmp_path / "wrong"
    wrong.mkdir()
    for name in SOURCE.files:
        (wrong / f"{name}.gz").write_text("<html>moved</html>")
    for path in locate(SOURCE, None, verify).values():
        np.testing.assert_array_equal(read_idx(path), CONTENT)


def test_offline_the_error_says_what_was_tried(cache, mirrors):
    match = (
        f"Tiny: no directory was given, MINIGRAD_DATA is not set, {cache}/train-idx1-ubyte.gz is "
        r"not there, and no mirror gave it: https://first.example/train-idx1-ubyte.gz "
        r"\(ConnectionError: no answer\); https://second.example/data/train-idx1-ubyte.gz "
        rf"\(ConnectionError: no answer\). {WAYS_OUT}"
    )
    with pytest.raises(DataNotFoundError, match=match):
        locate(SOURCE, None, verify)
    assert list(cache.iterdir()) == []


def test_nothing_wrong_enters_the_cache(tmp_path, cache, mirrors):
    folder = mirrors[0]["https://first.example/"] = tmp_path / "served"
    folder.mkdir()
    for name in SOURCE.files:
        write_idx(folder / f"{name}.gz", CONTENT[:-1])
    with pytest.raises(DataNotFoundError, match=r"DataError: .* holds 4 values of uint8, where 5"):
        locate(SOURCE, None, verify)
    assert list(cache.iterdir()) == []


def test_without_pooch(monkeypatch):
    def require(package, *, extra, purpose):
        raise MissingExtraError(package, extra, purpose)

    monkeypatch.setattr(fetch._extras, "require", require)
    match = (
        "Tiny: no directory was given, MINIGRAD_DATA is not set, and downloading Tiny needs the "
        f"package 'pooch'.*{WAYS_OUT}"
    )
    with pytest.raises(DataNotFoundError, match=match) as caught:
        locate(SOURCE, None, verify)
    assert isinstance(caught.value, DataError)
