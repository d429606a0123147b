"""Hostile and damaged pickles are refused by the name of what they wanted, and nothing of them runs."""

import builtins
import io
import os
import pickle
import pickletools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.restricted_pickle import load_pickle
from tests.neural.pickles import calling, python2_pickle


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def load(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "data.pickle"
    path.write_bytes(content)
    return load_pickle(path)


HOSTILE = {
    "os.system": (Calls(os.system, "touch {mark}"), f"{os.name}.system"),
    "eval": (Calls(eval, "open('{mark}', 'w')"), "eval"),
    "exec": (Calls(exec, "open('{mark}', 'w')"), "exec"),
    "open": (Calls(open, "{mark}", "w"), ".open"),
    "subprocess": (Calls(subprocess.Popen, ["touch", "{mark}"]), ".Popen"),
    "import": (Calls(builtins.__import__, "os"), "__import__"),
    "numpy function": (Calls(np.fromfile, "{mark}"), "fromfile"),
    "class": (Calls(io.BytesIO, b""), "_io.BytesIO"),
    "path": (Path("here"), "pathlib"),
}


def _dumped(value: Any, mark: Path, protocol: int) -> bytes:
    def filled(part: Any) -> Any:
        if isinstance(part, str):
            return part.replace("{mark}", str(mark))
        return [filled(one) for one in part] if isinstance(part, list) else part

    if isinstance(value, Calls):
        value = Calls(value.call[0], *(filled(one) for one in value.call[1]))
    return pickle.dumps({"data": np.zeros(2, np.uint8), "nested": [{"deep": (value,)}]}, protocol)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_pickles_are_refused_by_name(tmp_path: Path, attack: str, protocol: int) -> None:
    mark = tmp_path / "mark"
    value, wanted = HOSTILE[attack]
    content = _dumped(value, mark, protocol)
    with pytest.raises(InvalidParameter, match="wants to import") as caught:
        load(tmp_path, content)
    assert wanted in str(caught.value) and "data.pickle" in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "module, name",
    [
        ("os", "system"),
        ("posix", "system"),
        ("__builtin__", "eval"),
        ("builtins", "exec"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("copy_reg", "_reconstructor"),
        ("anil_theory.neural.data.restricted_pickle", "_ADMITTED"),
    ],
)
def test_old_calls_are_refused_by_name(tmp_path: Path, module: str, name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"wants to import {module}.{name}"):
        load(tmp_path, calling(module, name, f"touch {tmp_path / 'mark'}"))
    assert not (tmp_path / "mark").exists()


def test_the_mark_is_made_by_an_unrestricted_reader(tmp_path: Path) -> None:
    """The attack of the tests above works where nothing stops it."""
    pickle.loads(calling("posix", "system", f"touch {tmp_path / 'mark'}"))
    assert (tmp_path / "mark").exists()


def test_dotted_names_do_not_reach_through_an_admitted_module(tmp_path: Path) -> None:
    text = b"\x80\x04\x8c\x05numpy\x8c\x0elib.npyio.load\x93."
    with pytest.raises(InvalidParameter, match=r"import numpy\.lib\.npyio\.load"):
        load(tmp_path, text)


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    for content in (np.array([Calls(os.system, f"touch {tmp_path / 'mark'}")], dtype=object), np.array([{}, None])):
        for protocol in (2, 5):
            with pytest.raises(InvalidParameter, match=r"numpy objects|import"):
                load(tmp_path, pickle.dumps({"data": content}, protocol))
    assert not (tmp_path / "mark").exists()
    with pytest.raises(InvalidParameter, match=r"structures|numpy type"):
        load(tmp_path, pickle.dumps(np.zeros(2, dtype=[("a", "u1"), ("b", "O")])))


@pytest.mark.parametrize(
    "content, what",
    {
        "state of a function": (b"\x80\x02cnumpy\ndtype\n}U\x01aU\x01bsb.", "changes a function"),
        "function as data": (b"\x80\x02cnumpy\ndtype\n.", "function or type"),
        "slots of a function": (b"\x80\x02cnumpy\ndtype\nN}U\x0c__defaults__)s\x86b.", "changes a function"),
        "array without state": (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.", "without content"),
        "other encoding": (b"c_codecs\nencode\n(Vx\nVidna\ntR.", "encoding 'idna'"),
        "persistent": (b"Pelsewhere\n.", "outside reference"),
        "extension": (b"\x80\x02\x82\x01.", "readable pickle"),
        "set": (b"\x80\x04\x8f.", "a set"),
        "itself": (b"\x80\x02]q\x00h\x00a.", "nesting"),
    }.values(),
)
def test_odd_programs_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InvalidParameter, match=what):
        load(tmp_path, content)


def shared_list(inner: int, shares: int, outer: int) -> bytes:
    """A list of `shares` times one and the same list of `inner` None, and `outer` None more."""
    first = b"]q\x00(" + inner * b"N" + b"e"
    return b"\x80\x02](" + first + (shares - 1) * b"h\x00" + outer * b"N" + b"e."


def room(inner: int, shares: int, outer: int) -> int:
    """How many values more may be in it: 16 for each opcode and 1,000, less those in it when nothing is shared."""
    values = 1 + shares * (1 + inner) + outer
    return 16 * sum(1 for _ in pickletools.genops(shared_list(inner, shares, outer))) + 1000 - values


def test_shared_values_may_unfold_to_the_limit_and_no_further(tmp_path: Path) -> None:
    at_the_limit, one_above = (98, 35, 14), (98, 37, 25)
    assert room(*at_the_limit) == 0 and room(*one_above) == -1
    assert load(tmp_path, shared_list(*at_the_limit)) == 35 * [98 * [None]] + 14 * [None]
    with pytest.raises(InvalidParameter, match="unfold to more than"):
        load(tmp_path, shared_list(*one_above))


CONTENT = {
    "data": np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3) * 11,
    "labels": [3, 5],
    "catname2label": {"a": 3, "caf\xe9": 5},
}


def same(first: Any, second: Any) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        np.testing.assert_array_equal(second[key], value)
        assert np.asarray(second[key]).dtype == np.asarray(value).dtype


def test_python_2_pickles_are_read(tmp_path: Path) -> None:
    same(CONTENT, load(tmp_path, python2_pickle(CONTENT)))
    assert pickle.loads(python2_pickle(CONTENT), encoding="latin1")["labels"] == [3, 5]  # it is a pickle of numpy's too


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_today_are_read(tmp_path: Path, protocol: int) -> None:
    more = {
        "scalar": np.int64(7),
        "float": np.float32(0.5),
        "fortran": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "text": np.array(["ab", "c"]),
        "empty": np.zeros((0, 3), np.uint8),
        "bytes": b"",
        "raw": b"\xff",
        "none": None,
        "flag": np.array([True]),
    }
    loaded = load(tmp_path, pickle.dumps(CONTENT | more, protocol))
    assert loaded.pop("none") is None
    del more["none"]
    same(CONTENT | more, loaded)


def test_the_names_of_old_numpy_are_read(tmp_path: Path) -> None:
    today = pickle.dumps(CONTENT, 2)
    assert b"numpy._core.multiarray" in today
    same(CONTENT, load(tmp_path, today.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")))


@given(hnp.arrays(st.sampled_from(["u1", "<i8", ">f4", "?", "<U3"]), hnp.array_shapes(min_dims=0, max_side=4)))
def test_arrays_come_back_as_numpy_would_read_them(tmp_path_factory: Any, array: np.ndarray) -> None:
    loaded = load(tmp_path_factory.getbasetemp(), pickle.dumps(array, 2))
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == array.dtype and loaded.shape == array.shape


@pytest.mark.parametrize("content", [python2_pickle(CONTENT), pickle.dumps(CONTENT, 5), pickle.dumps(CONTENT, 0)])
def test_every_truncation_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    for length in range(len(content)):
        with pytest.raises(InvalidParameter, match=r"data\.pickle must be"):
            load(tmp_path, content[:length])


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="No such file"):
        load_pickle(tmp_path / "nothing.pickle")
    with pytest.raises(InvalidParameter, match="can be read"):
        load_pickle(tmp_path)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damage_never_raises_anything_else(tmp_path_factory: Any, noise: bytes, place: int) -> None:
    content = python2_pickle(CONTENT)
    path = tmp_path_factory.getbasetemp() / "damaged.pickle"
    path.write_bytes(content[:place] + noise + content[place + len(noise) :])
    try:
        loaded = load_pickle(path)
    except InvalidParameter as error:
        assert "damaged.pickle" in error.name
    else:
        assert not callable(loaded)
