"""`anil-theory data`: conversion and check print checksums and sizes; misuse is exit status 2 and a message."""

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.neural.data import load_dataset
from tests.neural.pickles import calling, python2_pickle

FILES = ("FC100_train.pickle", "FC100_val.pickle", "FC100_test.pickle")


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i, name in enumerate(FILES):
        data = rng.integers(0, 256, (6, 4, 4, 3), np.uint8)
        (tmp_path / name).write_bytes(python2_pickle({"data": data, "labels": [i, i, i, 5 + i, 5 + i, 5 + i]}))
    return tmp_path


def test_convert_and_check(folder: Path) -> None:
    out = folder / "new" / "fc100.npz"
    code, text = run("convert", folder, out, "--dataset", "fc100", "--allow-smaller")
    assert code == 0, text
    for path in (*(folder / name for name in FILES), out):
        assert f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in text
    assert "layout: labels" in text and "4x4x3" in text and "validation" in text
    again = folder / "again.npz"
    run("convert", folder, again, "--dataset", "fc100", "--allow-smaller")
    assert again.read_bytes() == out.read_bytes()  # so the checksum identifies the content
    assert load_dataset(str(out)).test.names == ("2", "7")
    for source, options in ((out, ()), (out, ("--dataset", "fc100")), (folder, ("--dataset", "fc100"))):
        code, checked = run("check", source, *options, "--allow-smaller")
        assert code == 0 and "sha256" in checked and "4x4x3" in checked


def test_misuse_says_what_and_exits_2(folder: Path) -> None:
    archive = folder / "fc100.npz"
    run("convert", folder, archive, "--dataset", "fc100", "--allow-smaller")
    cases = {
        ("convert", folder, folder / "o.npz", "--dataset", "fc100"): "60 classes x 600 images of 32x32x3",
        ("convert", folder, folder / "o.npz", "--dataset", "glyphs"): "one of 'fc100'",
        ("convert", folder, folder / "o.zip", "--dataset", "fc100"): "ends in .npz",
        ("convert", folder, folder / FILES[0] / "o.npz", "--dataset", "fc100", "--allow-smaller"): "can be written",
        ("convert", folder / "no", folder / "o.npz", "--dataset", "fc100"): "no such folder",
        ("check", archive): "60 classes x 600",
        ("check", archive, "--dataset", "cifar-fs"): "archive of cifar-fs",
        ("check", folder): "dataset must be given",
        ("check", folder, "--dataset", "digits"): "one of 'fc100'",
        ("check", "fc1000"): "one of glyphs",
    }
    for arguments, message in cases.items():
        code, text = run(*arguments)
        assert code == 2 and message in text, (arguments, text)
    assert not (folder / "o.npz").exists()


def test_brackets_of_a_message_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    code, text = run("check", "digits")
    assert code == 2 and "pip install 'anil_theory[digits]'" in text


def test_a_hostile_file_is_refused_and_nothing_is_written(folder: Path) -> None:
    (folder / FILES[1]).write_bytes(calling("posix", "system", f"touch {folder / 'mark'}"))
    code, text = run("convert", folder, folder / "o.npz", "--dataset", "fc100", "--allow-smaller")
    assert code == 2 and "FC100_val.pickle" in text and "posix.system" in text
    assert not (folder / "mark").exists() and not (folder / "o.npz").exists()
    (folder / FILES[1]).write_bytes(pickle.dumps({"data": [1]})[:-3])
    code, text = run("check", folder, "--dataset", "fc100")
    assert code == 2 and "ends too early" in text
