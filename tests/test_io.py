import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad import _extras, _safetensors, nn
from minigrad import io as weights_io
from minigrad._safetensors import decode
from minigrad.errors import (
    ArgumentError,
    CheckpointError,
    DtypeError,
    MissingExtraError,
)
from minigrad.io import inspect_weights, load_weights, load_weights_into, save_weights
from minigrad.tensor import tensor

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8"]
SUFFIXES = [".safetensors", ".npz"]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def small():
    return {
        "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "layer.bias": np.float64([0.5, -0.0, np.inf]),
        "steps": np.array(7),
    }


def assert_same(actual, expected):
    assert set(actual) == set(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        assert actual[name].shape == array.shape
        assert actual[name].tobytes() == array.tobytes()  # the bits, NaN and -0.0 included


def header_of(raw):
    size = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def with_header(header, numbers=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


# --- Round trips -----------------------------------------------------------------------------

LAYOUTS = {
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[..., ::2] if a.ndim else a,
    "reversed": lambda a: a[::-1] if a.ndim else a,
    "fortran": np.asfortranarray,
    "broadcast": lambda a: np.broadcast_to(a, (3, *a.shape)),
    "sliced": lambda a: a[1:, ...] if a.ndim else a,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_every_dtype_and_layout_comes_back_bit_for_bit(
    tmp_path_factory, suffix, layout, data, dtype
):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    array = LAYOUTS[layout](data.draw(hnp.arrays(dtype, shape)))
    path = tmp_path_factory.getbasetemp() / f"layout{suffix}"
    save_weights({"w": array, "other": np.float32([1])}, path)
    loaded = load_weights(path)
    native = array.astype(array.dtype.newbyteorder("="))
    assert_same(loaded, {"w": native, "other": np.float32([1])})
    assert loaded["w"].flags.writeable
    assert loaded["w"].flags.c_contiguous


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(names=st.sets(st.text(st.characters(codec="utf-8")), max_size=4))
@example(names={"file", "a.npy", "a", "", "ä/ö\\", 'we"ird\n', "__proto__", "data.pkl"})
def test_names_with_odd_characters(tmp_path_factory, suffix, names):
    names = {name for name in names if suffix != ".npz" or "\0" not in name}
    expected = {name: np.float32([i]) for i, name in enumerate(sorted(names))}
    path = tmp_path_factory.getbasetemp() / f"names{suffix}"
    save_weights(expected, path)
    assert_same(load_weights(path), expected)


def test_a_name_that_zip_cannot_hold(tmp_path):
    with pytest.raises(ArgumentError, match=r"cannot be a name in a \.npz"):
        save_weights({"a\0b": np.zeros(1)}, tmp_path / "w.npz")
    save_weights({"a\0b": np.zeros(1)}, tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_at_all_is_a_file_too(tmp_path, suffix):
    save_weights({}, tmp_path / f"empty{suffix}")
    assert load_weights(tmp_path / f"empty{suffix}") == {}


def test_models_tensors_and_scalars_are_taken(tmp_path):
    path = tmp_path / "w.safetensors"
    model = make_model(0)
    save_weights(model, path)
    assert_same(load_weights(path), model.state_dict())
    save_weights({"t": tensor([1.0, 2.0], requires_grad=True), "s": np.float32(3)}, path)
    assert_same(load_weights(path), {"t": np.float32([1, 2]), "s": np.array(3, np.float32)})


def test_the_same_weights_give_the_same_bytes(tmp_path, small):
    for suffix in SUFFIXES:
        metadata = dict.fromkeys("abcdefgh", "v") if suffix == ".safetensors" else None
        save_weights(small, tmp_path / f"a{suffix}", metadata=metadata)
        save_weights(dict(small), tmp_path / f"b{suffix}", metadata=metadata)
        first = (tmp_path / f"a{suffix}").read_bytes()
        assert first == (tmp_path / f"b{suffix}").read_bytes()
    header, _ = header_of((tmp_path / "a.safetensors").read_bytes())
    assert list(header["__metadata__"]) == sorted(header["__metadata__"])


def test_other_programs_read_what_is_written(tmp_path, small):
    save_weights(small, tmp_path / "w.safetensors")
    assert_same(safetensors.numpy.load_file(tmp_path / "w.safetensors"), small)
    save_weights(small, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as archive:
        assert_same(dict(archive), small)


def test_what_other_programs_write_is_read(tmp_path, small):
    contiguous = {name: np.asarray(array, order="C") for name, array in small.items()}
    safetensors.numpy.save_file(contiguous, tmp_path / "w.safetensors", metadata={"format": "np"})
    assert_same(load_weights(tmp_path / "w.safetensors"), small)
    info = inspect_weights(tmp_path / "w.safetensors")
    assert (info.verified, info.metadata) == (False, {"format": "np"})
    for writer in (np.savez, np.savez_compressed):
        writer(tmp_path / "w.npz", **small)
        assert_same(load_weights(tmp_path / "w.npz"), small)
        assert inspect_weights(tmp_path / "w.npz").format == "npz"


def test_inspect_says_what_is_in_the_file(tmp_path, small):
    path = tmp_path / "w.safetensors"
    save_weights(small, path, metadata={"epoch": "3", "note": "ünï\0"})
    info = inspect_weights(path)
    assert (info.format, info.verified) == ("safetensors", True)
    assert info.metadata == {"epoch": "3", "note": "ünï\0"}
    assert info.shapes == {"layer.weight": (3, 2), "layer.bias": (3,), "steps": ()}
    assert info.dtypes["layer.bias"] == np.float64


# --- Damage ----------------------------------------------------------------------------------


def assert_noticed_or_harmless(path, raw, expected):
    path.write_bytes(raw)
    try:
        loaded = load_weights(path)
    except CheckpointError:
        return True
    assert_same(loaded, expected)
    return False


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_changed_byte_is_noticed_or_harmless(tmp_path, suffix):
    expected = {"w": np.float32([[1, 2]]), "b": np.int64([3])}
    path = tmp_path / f"w{suffix}"
    save_weights(expected, path, metadata={"k": "v"} if suffix == ".safetensors" else None)
    raw = path.read_bytes()
    noticed = 0
    for position in range(len(raw)):
        for mask in (0x01, 0x80):
            damaged = bytearray(raw)
            damaged[position] ^= mask
            noticed += assert_noticed_or_harmless(path, damaged, expected)
    assert noticed > len(raw)  # what is harmless: padding, dates, attributes


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_any_other_byte_is_noticed_in_safetensors(tmp_path_factory, position, value):
    expected = {"w": np.float32([[1, 2]]), "b": np.int64([3])}
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    save_weights(expected, path, metadata={"k": "v"})
    raw = bytearray(path.read_bytes())
    position %= len(raw)
    if raw[position] != value:
        padding = raw[position] == ord(" ") and value in b" \t\r\n"
        raw[position] = value
        assert assert_noticed_or_harmless(path, raw, expected) or padding


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_and_every_appended_byte_is_noticed(tmp_path, small, suffix):
    path = tmp_path / f"w{suffix}"
    save_weights(small, path)
    raw = path.read_bytes()
    for length in range(len(raw)):
        assert assert_noticed_or_harmless(path, raw[:length], small)
    if suffix == ".safetensors":  # zip allows for bytes around it
        assert assert_noticed_or_harmless(path, raw + b"\0", small)


def test_the_checksum_names_the_tensor(tmp_path, small):
    path = tmp_path / "w.safetensors"
    save_weights(small, path, metadata={"k": "v"})
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: the checksum of 'l.* is wrong"):
        load_weights(path)


def resealed(raw, change):
    header, numbers = header_of(raw)
    change(header)
    return with_header(header, numbers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("minigrad.checksums"), "list of checksums is not valid JSON"),
        (lambda m: m.pop("minigrad.format"), "version None of minigrad's format"),
        (lambda m: m.update({"minigrad.format": "2"}), "version '2'.*newer minigrad"),
        (lambda m: m.update(k="other"), "metadata does not match its checksum"),
        (lambda m: m.pop("k"), "metadata does not match its checksum"),
        (lambda m: m.update({"minigrad.checksums": "[]"}), "not a JSON object"),
        (lambda m: m.update({"minigrad.checksums": '{"a":1,"a":1}'}), "'a' appears twice"),
    ],
)
def test_a_file_that_claims_to_be_ours_is_held_to_it(tmp_path, small, change, message):
    path = tmp_path / "w.safetensors"
    save_weights(small, path, metadata={"k": "v"})
    path.write_bytes(resealed(path.read_bytes(), lambda header: change(header["__metadata__"])))
    with pytest.raises(CheckpointError, match=message):
        load_weights(path)


def test_a_tensor_taken_out_or_renamed_is_noticed():
    small = {"a": np.zeros((0, 2), np.float32), "b": np.float32([1])}
    raw = b"".join(_safetensors.encode(small, {}))
    with pytest.raises(CheckpointError, match="'a' is not in it: the file is damaged"):
        decode(resealed(raw, lambda header: header.pop("a")))
    with pytest.raises(CheckpointError, match="checksum of 'c' is wrong and 'b' is not in it"):
        decode(resealed(raw, lambda header: header.update(c=header.pop("b"))))
    with pytest.raises(CheckpointError, match="checksum of 'a' is wrong"):
        decode(resealed(raw, lambda header: header["a"].update(shape=[2, 0])))


HEADERS = {
    "empty file": (b"", "0 bytes are too few"),
    "huge header": (b"\xff" * 8 + b"{}", "promise a header of 18446744073709551615 bytes"),
    "header over the limit": ((10**8 + 1).to_bytes(8, "little") + b"{" * 9, "at most 100000000"),
    "not an object": (with_header(b'["a"]'), r"beginning with b'\[\"a\"\]'"),
    "not JSON": (with_header(b"{]"), "header is not valid JSON"),
    "not UTF-8": (with_header(b'{"\xff":1}'), "header is not valid JSON.*utf-8"),
    "lone surrogate": (with_header({"\ud800": entry()}, b"1234"), "package rejects it"),
    "NaN": (with_header(b'{"w": NaN}'), "NaN is not JSON"),
    "nested deeply": (with_header(b'{"w":' + b"[" * 10**5), "header is not valid JSON"),
    "long number": (with_header(b'{"w":' + b"1" * 10**4 + b"}"), "header is not valid JSON"),
    "key twice": (with_header(b'{"w":1,"v":2,"w":1}'), "the key 'w' appears twice"),
    "metadata of numbers": (with_header({"__metadata__": {"a": 1}}), "strings to strings"),
    "metadata no mapping": (with_header({"__metadata__": "a"}), "strings to strings"),
    "no entry": (with_header({"w": 3}), "entry 'w' is not dtype, shape, data_offsets"),
    "key missing": (with_header({"w": {"dtype": "F32"}}), "is not dtype, shape, data_offsets"),
    "dtype no text": (with_header({"w": entry(3)}), "has no dtype name but 3"),
    "dtype unknown": (with_header({"w": entry("Q9")}, b"1234"), "dtype 'Q9', which NumPy does not"),
    "bfloat16": (with_header({"w": entry("BF16", (2,))}, b"1234"), "'BF16'.*convert it to F32"),
    "shape negative": (with_header({"w": entry(shape=(-1, -1))}), r"no shape but \[-1, -1\]"),
    "shape of bools": (with_header({"w": entry(shape=(True,))}), r"no shape but \[True\]"),
    "shape of floats": (with_header({"w": entry(shape=(1.0,))}), r"no shape but \[1.0\]"),
    "65 dimensions": (with_header({"w": entry(shape=(1,) * 65)}), "no shape but"),
    "shape astronomical": (with_header({"w": entry(shape=(2**62,) * 64)}), "takes too many bytes"),
    "one offset": (with_header({"w": entry(offsets=(0,))}), "no pair of offsets"),
    "offset too far": (with_header({"w": entry(offsets=(0, 2**63))}), "no pair of offsets"),
    "size wrong": (with_header({"w": entry(shape=(2,))}, b"1234"), "shape .2,. takes 8 bytes"),
    "bytes missing": (with_header({"w": entry()}, b"123"), "describes 4 bytes.*the file has 3"),
    "bytes too many": (with_header({"w": entry()}, b"12345"), "describes 4 bytes.*file has 5"),
    "hole": (with_header({"w": entry(offsets=(2, 6))}, b"123456"), "overlap or leave a hole"),
    "overlap": (
        with_header({"v": entry(offsets=(0, 4)), "w": entry(offsets=(2, 6))}, b"123456"),
        "'w' lies at bytes 2 to 6, where byte 4 is the next",
    ),
    "unknown dtype backwards": (with_header({"w": entry("Q9", (), (0, -1))}), "no pair"),
    "pickle": (b"\x80\x04\x95" + b"\0" * 20, "Python pickle"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, "HDF5"),
    "npy": (b"\x93NUMPY\x01\x00" + b"\0" * 20, r"\.npy format; read it with numpy\.load"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"\0" * 20, "unpack it first"),
    "text": (b"import numpy as np\n", "no safetensors file"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_malformed_and_foreign_files_say_why(tmp_path, case):
    raw, message = HEADERS[case]
    (tmp_path / "w.safetensors").write_bytes(raw)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_weights(tmp_path / "w.safetensors")
    assert str(caught.value).startswith(str(tmp_path / "w.safetensors"))


def test_a_header_over_the_limit_is_not_parsed(tmp_path, small, monkeypatch):
    save_weights(small, tmp_path / "w.safetensors")
    monkeypatch.setattr(_safetensors, "_HEADER_LIMIT", 100)
    with pytest.raises(CheckpointError, match=r"a header of \d+ bytes .*\(at most 100\)"):
        load_weights(tmp_path / "w.safetensors")


@given(st.binary(max_size=60) | st.binary(max_size=60).map(with_header))
def test_no_bytes_raise_anything_else(raw):
    try:
        decode(raw)
    except CheckpointError:
        return
    assert header_of(raw)[0].keys() <= {"__metadata__"}  # random bytes hold no tensor


def test_a_shape_of_zero_elements_between_others():
    header = {
        "b": entry(offsets=(0, 4)),
        "a": entry(shape=(0,), offsets=(4, 4)),
        "c": entry(shape=(3, 0), offsets=(0, 0)),
    }
    decoded = decode(with_header(header, np.float32([5]).tobytes()))
    assert {name: a.shape for name, a in decoded.arrays.items()} == {
        "c": (3, 0),
        "b": (1,),
        "a": (0,),
    }


def npz(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array, **changes):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    text = content.getvalue()
    for old, new in changes.values():
        text = text.replace(old, new)
    return text


ARCHIVES = {
    "pytorch": (npz(**{"archive/data.pkl": b"x"}), r"pickled PyTorch file.*save_file"),
    "other zip": (npz(**{"readme.txt": b"x"}), r"holds 'readme\.txt', no \.npy"),
    "no array": (npz(**{"w.npy": b"x"}), "archive is damaged"),
    "objects": (npz(**{"w.npy": npy(np.array([{}], object))}), "dtype object.*unpickled"),
    "text": (npz(**{"w.npy": npy(np.array(["a"]))}), "weights are numbers"),
    "structured": (
        npz(**{"w.npy": npy(np.zeros(1, [("ä", "f4")]))}),
        r"dtype .*weights are numbers",
    ),
    "too large": (
        npz(**{"w.npy": npy(np.zeros(1), shape=(b"(1,), }   ", b"(10**9,), }"[:10]))}),
        "archive is damaged",
    ),
    "shape too large": (
        npz(**{"w.npy": npy(np.zeros(1), shape=(b"(1,), }" + b" " * 9, b"(999999999999,),"))}),
        "damaged",
    ),
    "shape wrong": (npz(**{"w.npy": npy(np.zeros(1), shape=(b"(1,)", b"(9,)"))}), "has 8 bytes"),
    "shape negative": (npz(**{"w.npy": npy(np.zeros(12), s=(b"(12,)", b"(-1,)"))}), "96 bytes"),
}


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize("case", ARCHIVES)
def test_malformed_and_foreign_archives_say_why(tmp_path, case):
    raw, message = ARCHIVES[case]
    (tmp_path / "w.npz").write_bytes(raw)
    with pytest.raises(CheckpointError, match=message):
        load_weights(tmp_path / "w.npz")


def test_an_archive_with_a_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", npy(np.zeros(1)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("w.npy", npy(np.ones(1)))
    with pytest.raises(CheckpointError, match="the name 'w' appears twice"):
        load_weights(tmp_path / "w.npz")


def test_a_fortran_ordered_and_a_big_endian_array_in_an_archive(tmp_path):
    arrays = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "b": np.array([1, 2], ">f4")}
    np.savez(tmp_path / "w.npz", **arrays)
    assert_same(load_weights(tmp_path / "w.npz"), {**arrays, "b": np.float32([1, 2])})


def test_a_missing_file_is_the_builtin_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_weights(tmp_path / "nowhere.safetensors")


# --- Into a model ----------------------------------------------------------------------------


def make_model(seed):
    return nn.Sequential(nn.Linear(4, 3, rng=seed), nn.ReLU(), nn.Linear(3, 2, rng=seed + 1))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_takes_the_weights_of_another(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    trained, fresh = make_model(0), make_model(10)
    save_weights(trained, path)
    load_weights_into(fresh, path)
    assert_same(fresh.state_dict(), trained.state_dict())
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(fresh(x).data, trained(x).data)


def test_a_file_of_another_model_changes_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 5, rng=0)), path)
    model = make_model(0)
    before = model.state_dict()
    with pytest.raises(CheckpointError, match=r"w\.safetensors: made for another.*Sequential, wh"):
        load_weights_into(model, path)
    assert_same(model.state_dict(), before)

    save_weights({"0.weight": np.zeros((3, 4), np.float32)}, path)
    with pytest.raises(CheckpointError, match=r"missing: 0\.bias"):
        load_weights_into(model, path)
    assert_same(model.state_dict(), before)
    load_weights_into(model, path, strict=False)
    assert not model[0].weight.data.any()
    assert_same({"b": model[0].bias.data}, {"b": before["0.bias"]})


# --- Writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("place", ["replace", "fsync", "open", "copymode"])
@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_the_old_file(
    tmp_path, small, suffix, place, failure, monkeypatch
):
    path = tmp_path / f"w{suffix}"
    save_weights(small, path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise failure

    with monkeypatch.context() as patched:
        if place == "open":
            patched.setattr(weights_io, "open", half_written(failure), raising=False)
        else:
            patched.setattr({"copymode": weights_io.shutil}.get(place, os), place, fail)
        with pytest.raises(type(failure)):
            save_weights({"w": np.ones(100)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
    save_weights({"w": np.ones(100)}, path)
    assert list(load_weights(path)) == ["w"]


def half_written(failure):
    def opened(path, mode):
        file = open(path, mode)  # noqa: SIM115 - the code under test closes it

        def writelines(chunks):
            file.write(b"half")
            raise failure

        class Failing:
            def __enter__(self):
                return self

            def __exit__(self, *args):
                file.close()

        Failing.writelines = staticmethod(writelines)
        return Failing()

    return opened


def test_the_bytes_are_on_disk_before_the_name_is(tmp_path, monkeypatch):
    calls = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("fsync"))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    save_weights({}, tmp_path / "w.safetensors")
    assert calls[:2] == ["fsync", "replace"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX's")
def test_modes_and_links_are_kept(tmp_path):
    path, link = tmp_path / "w.safetensors", tmp_path / "latest.safetensors"
    path.touch()
    usual = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    save_weights({}, path)
    assert stat.S_IMODE(path.stat().st_mode) == usual
    path.chmod(0o640)
    link.symlink_to(path)
    save_weights({"w": np.ones(1)}, link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(load_weights(path)) == ["w"]


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no directory .*runs.* to write 'w\.saf"):
        save_weights({}, tmp_path / "runs" / "w.safetensors")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("model.pt", r"ends in '\.pt'; write 'model\.safetensors'"),
        ("model", "ends in neither; write"),
    ],
)
def test_other_suffixes_are_refused(tmp_path, path, message):
    with pytest.raises(ArgumentError, match=message):
        save_weights({}, tmp_path / path)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ([np.zeros(1)], DtypeError, "a model or a mapping of names to arrays, not list"),
        ({"w": [1.0]}, DtypeError, "value of 'w' is a builtins.list, not a plain NumPy array"),
        ({"w": np.ma.array([1.0], mask=[True])}, DtypeError, "MaskedArray, not a plain NumPy"),
        ({"w": np.array([object()])}, DtypeError, "'w' has dtype object, and weights are numbers"),
        ({"w": np.array(["a"])}, DtypeError, "'w' has dtype <U1"),
        ({"w": np.zeros(1, np.complex128)}, DtypeError, "dtype complex128.*knows bool, uint8"),
        ({3: np.zeros(1)}, DtypeError, "names are strings, not int: 3"),
        ({"__metadata__": np.zeros(1)}, ArgumentError, "the format reserves that name"),
        ({"\ud800": np.zeros(1)}, ArgumentError, "cannot be written as UTF-8"),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path, source, error, message):
    with pytest.raises(error, match=message):
        save_weights(source, tmp_path / "w.safetensors")
    assert not os.listdir(tmp_path)


def test_metadata_that_cannot_be_saved_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(DtypeError, match=r"not 'epoch' to 3; write numbers with str\(\)"):
        save_weights({}, path, metadata={"epoch": 3})
    with pytest.raises(ArgumentError, match=r"'minigrad\.' are minigrad's own"):
        save_weights({}, path, metadata={"minigrad.format": "7"})
    with pytest.raises(ArgumentError, match=r"metadata entry .* cannot be written as UTF-8"):
        save_weights({}, path, metadata={"k": "\ud800"})
    with pytest.raises(ArgumentError, match=r"\.npz file has no place for metadata"):
        save_weights({}, tmp_path / "w.npz", metadata={"k": "v"})


def test_without_the_package_npz_works_and_safetensors_says_what_to_install(tmp_path, monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(f"No module named {package!r}", name="safetensors")

    monkeypatch.setattr(_extras.importlib, "import_module", missing)
    save_weights({"w": np.ones(1)}, tmp_path / "w.npz")
    load_weights(tmp_path / "w.npz")
    with pytest.raises(MissingExtraError, match=r"'minigrad\[io\]' .*install '\.\[io\]'"):
        save_weights({}, tmp_path / "w.safetensors")
