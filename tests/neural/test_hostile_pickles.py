"""Pickles that ask for more than they bring are refused in little memory and time, each for its own reason."""

import json
import os
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.base import ImageSplit
from anil_theory.neural.data.layouts import read_split
from anil_theory.neural.data.pickle_scan import MAX_DEPTH, Refused, scan_pickle
from anil_theory.neural.data.restricted_pickle import load_pickle
from tests.neural.hostile_pickles import HOSTILE
from tests.neural.pickles import python2_pickle

READER = """
import json, resource, sys
from pathlib import Path
from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.restricted_pickle import load_pickle
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        said = type(load_pickle(path)).__name__
    except InvalidParameter as error:
        said = str(error)
    print(json.dumps([path.name, said]), flush=True)
"""
"""Reads every file of a folder in one process that may take 300 MiB more than it has after its imports."""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: Any) -> dict[str, str]:
    if not sys.platform.startswith("linux"):
        pytest.skip("the limit of memory needs /proc")
    folder = tmp_path_factory.mktemp("hostile")
    for name, (content, _) in HOSTILE.items():
        (folder / name).write_bytes(content)
    # Each of these files took all memory, for ever, or the process with it. The whole takes seconds.
    run = subprocess.run(
        [sys.executable, "-c", READER, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    assert run.returncode == 0, (run.returncode, run.stdout[-300:], run.stderr[-2000:])
    return dict(json.loads(line) for line in run.stdout.splitlines())


@pytest.mark.parametrize("name", HOSTILE)
def test_what_asks_for_much_is_refused_in_little_memory(refusals: dict[str, str], name: str) -> None:
    said = refusals[name]
    assert f"{name} must be" in said and HOSTILE[name][1] in said, said
    assert "\n" not in said and len(said) < 600


def test_nesting_and_sharing_within_reason_are_read(tmp_path: Path) -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    inner = [1, 2]
    content = {"nested": nested, "shared": [inner, inner], 3: (4, {"a": (5,)}), None: 2.5, b"k": -(2**63), 2**64 - 1: 0}
    path = tmp_path / "sound.pickle"
    for protocol in range(6):
        path.write_bytes(pickle.dumps(content, protocol))
        loaded = load_pickle(path)
        assert loaded == content and loaded["shared"][0] is loaded["shared"][1]
    for container in ([nested, 1], [[nested, 1]]):
        path.write_bytes(pickle.dumps(container))
        if container[0] is nested:
            assert load_pickle(path) == container
        else:
            with pytest.raises(InvalidParameter, match="nesting deeper"):
                load_pickle(path)


@pytest.mark.parametrize("around", [lambda x: [x, 1], lambda x: (1, x), lambda x: {"a": x, "b": 1}])
def test_the_deepest_member_makes_the_depth(tmp_path: Path, around: Any) -> None:
    """The walk over the opcodes sees it, before anything is built."""
    path = tmp_path / "deep.pickle"
    value: Any = 1
    for depth in range(1, MAX_DEPTH + 2):
        value = around(value)
        path.write_bytes(pickle.dumps(value))
        with path.open("rb") as file:
            if depth <= MAX_DEPTH:
                scan_pickle(file, path.stat().st_size)
            else:
                with pytest.raises(Refused, match="nesting deeper"):
                    scan_pickle(file, path.stat().st_size)


def test_the_walk_ends_where_the_unpickler_does(tmp_path: Path) -> None:
    """What follows the end of a pickle is no part of it, and the walk counts every opcode before."""
    path = tmp_path / "two.pickle"
    path.write_bytes(b"\x80\x02]K\x01a." + b"\xff" * 50)
    assert load_pickle(path) == [1]
    with path.open("rb") as file:
        assert scan_pickle(file, path.stat().st_size) == 5 and file.tell() == 7


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 5, 3), np.uint8)
SOUND = {
    "labels": {"data": IMAGES, "labels": [3, 4, 3, 4, 5, 5]},
    "names as labels": {"data": IMAGES, "labels": ["dog", "cat", "dog", "cat", "caf\xe9", "caf\xe9"]},
    "names as an array": {"data": IMAGES, "labels": np.array(["dog", "cat", "dog", "cat", "eel", "eel"])},
    "names as bytes": {b"data": IMAGES, b"labels": [b"a", b"b", b"a", b"b", b"c", b"c"]},
    "numpy's numbers": {"data": IMAGES, "labels": list(np.array([3, 4, 3, 4, 5, 5], np.uint8))},
    "a list of images": {"data": list(IMAGES), "labels": (3, 4, 3, 4, 5, 5)},
    "class_dict": {"image_data": IMAGES, "class_dict": {"a": [0, 2], "b": np.array([1, 3]), "c": [4, 5]}},
    "catname2label": {"data": IMAGES, "labels": [3, 4, 3, 4, 5, 5], "catname2label": {"a": 3, "b": 4, "c": 5}},
}


def _ordered(content: dict[Any, Any]) -> Any:
    return OrderedDict((key, _ordered(part) if isinstance(part, dict) else part) for key, part in content.items())


def _defaulting(content: dict[Any, Any]) -> Any:
    found = defaultdict(list)
    found.update((key, _defaulting(part) if isinstance(part, dict) else part) for key, part in content.items())
    return found


@pytest.mark.parametrize("case", SOUND)
@pytest.mark.parametrize("protocol", range(6))
def test_every_form_of_a_layout_gives_the_same_classes(tmp_path: Path, case: str, protocol: int) -> None:
    path = tmp_path / "sound.pickle"
    for form in (dict, _ordered, _defaulting):
        path.write_bytes(pickle.dumps(form(SOUND[case]), protocol))
        part, _ = read_split(path)
        assert part.classes == 3 and part.per_class == 2
        found = {images[0].tobytes() for images in part.images}
        assert found == {IMAGES[i].tobytes() for i in (0, 1, 4)}
        for images in part.images:
            place = next(i for i in (0, 1, 4) if (images[0] == IMAGES[i]).all())
            np.testing.assert_array_equal(images[1], IMAGES[5 if place == 4 else place + 2])


def test_ordered_dicts_of_python_2_are_read(tmp_path: Path) -> None:
    """It wrote them as a call with a list of pairs."""
    path = tmp_path / "old.pickle"
    path.write_bytes(b"(dp0\nS'a'\np1\nccollections\nOrderedDict\np2\n((lp3\n(lp4\nS'b'\np5\naI3\naatp6\nRp7\ns.")
    assert load_pickle(path) == {"a": {"b": 3}}
    path.write_bytes(b"ccollections\ndefaultdict\n(c__builtin__\nlist\ntR(S'b'\nI3\nu.")
    assert load_pickle(path) == {"b": 3}


@pytest.mark.parametrize(
    "program, what",
    [
        (b"ccollections\ndefaultdict\n(cos\nsystem\ntR.", "import os.system"),
        (b"ccollections\ndefaultdict\n(S'list'\ntR.", "no type"),
        (b"c__builtin__\nlist\n(tR.", "a call of a type"),
        (b"ccollections\nOrderedDict\n(}tR.", "something else than pairs"),
        (b"ccollections\nOrderedDict\n((lI1\natR.", "something else than pairs"),
        (b"ccollections\nOrderedDict\n((l((tNtatR.", "keys other than"),
        (b"c__builtin__\nlist\n.", "a function or type as data"),
    ],
)
def test_the_admitted_names_do_nothing_else(tmp_path: Path, program: bytes, what: str) -> None:
    path = tmp_path / "odd.pickle"
    path.write_bytes(program)
    with pytest.raises(InvalidParameter, match=what):
        load_pickle(path)


UNSOUND = {
    "an image in two classes": (
        {"image_data": IMAGES, "class_dict": {"a": [0, 1], "b": [1, 2], "c": [3, 4]}},
        "an image twice",
    ),
    "shared positions": ({"image_data": IMAGES, "class_dict": {f"c{i}": [0, 1] for i in range(99)}}, "more pos"),
    "positions that are no integers": ({"image_data": IMAGES, "class_dict": {"a": [0.0, 1.0]}}, "positions of images"),
    "negative positions": ({"image_data": IMAGES, "class_dict": {"a": [0, -1]}}, "positions of images"),
    "names of one text": ({"image_data": IMAGES, "class_dict": {"a": [0], b"a": [1]}}, "distinct as text"),
    "keys of one text": ({"data": IMAGES, b"data": IMAGES, "labels": [1] * 6}, "distinct as text"),
    "two names of one label": (
        {"data": IMAGES, "labels": [1, 1, 1, 2, 2, 2], "catname2label": {"a": 1, "b": 1}},
        "an integer of its own",
    ),
    "labels of an infinite name": (
        {"data": IMAGES, "labels": [1, 1, 1, 2, 2, 2], "catname2label": {"a": float("inf")}},
        "an integer of its own",
    ),
    "a name that is another label": (
        {"data": IMAGES, "labels": [1, 1, 1, 2, 2, 2], "catname2label": {"2": 1}},
        "two classes of one name",
    ),
    "Boolean labels": ({"data": IMAGES, "labels": [True, False] * 3}, "one integer per image"),
    "float labels": ({"data": IMAGES, "labels": np.array([1.0, 2.0] * 3)}, "one integer per image"),
    "labels in one text": ({"data": IMAGES, "labels": "aabbcc"}, "no list or array"),
    "arrays as labels": ({"data": IMAGES, "labels": [np.array([1])] * 6}, "lists or arrays in it"),
    "one image many times": ({"data": [IMAGES[0]] * 100_000, "labels": [0] * 100_000}, "not repeated"),
    "images of two kinds": ({"data": [IMAGES[0], np.array("x" * 1000)], "labels": [0, 1]}, "of one shape"),
    "a name that is too long": ({"data": IMAGES, "labels": ["a" * 501] * 3 + ["b"] * 3}, "at most 500 characters"),
    "a name with NUL": ({"data": IMAGES, "labels": ["a\0"] * 3 + ["b"] * 3}, "without the character NUL"),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_data_that_would_be_misread_are_refused(tmp_path: Path, case: str) -> None:
    content, message = UNSOUND[case]
    path = tmp_path / "unsound.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidParameter, match=message) as caught:
        read_split(path)
    assert "unsound.pickle" in caught.value.name


CONTENTS = [
    *(python2_pickle(content) for content in (SOUND["labels"], SOUND["names as labels"], SOUND["catname2label"])),
    *(pickle.dumps(_ordered(content), i % 6) for i, content in enumerate(SOUND.values())),
]


@given(st.sampled_from(CONTENTS), st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=4), st.integers(0))
def test_damage_gives_a_sound_split_or_our_refusal(
    tmp_path_factory: Any, content: bytes, flips: list[tuple[int, int]], cut: int
) -> None:
    """A pickle has no checksum, so another picture or name may come out: never another exception, nor half a split."""
    damaged = bytearray(content)
    for place, mask in flips:
        damaged[place % len(damaged)] ^= mask
    if cut % 2:
        del damaged[cut % len(damaged) :]
    path = tmp_path_factory.getbasetemp() / "damaged.pickle"
    path.write_bytes(damaged)
    try:
        part, _ = read_split(path, allow_smaller=True)
    except InvalidParameter as error:
        assert "damaged.pickle" in error.name and "\n" not in str(error)
    else:
        assert isinstance(part, ImageSplit) and part.images.size <= IMAGES.size
