"""`anil-theory data`: conversion and check print checksums and sizes; misuse is exit status 2 and a message."""

import hashlib
import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console as RichConsole
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory._console import Console
from anil_theory.cli import app
from anil_theory.neural.data import ImageDataset, ImageSplit, load_dataset
from anil_theory.neural.data.archive import save_archive
from anil_theory.neural.data.command import check
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
    # A library that is not there is no bad parameter.
    assert code == 3 and "pip install 'anil_theory[digits]'" in text


def _folder_of(folder: Path, side: int, labels: list[str]) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, name in enumerate(FILES):
        data = rng.integers(0, 256, (4, side, side, 3), np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": [f"{label}{i}" for label in labels]}))
    return folder


@pytest.mark.parametrize(
    "dataset, side, what",
    [
        ("fc100", 84, "84x84x3, the shape of mini-imagenet"),
        ("fc100", 33, "33x33x3"),
        ("cifar-fs", 84, "of 32x32x3, or smaller"),
        ("mini-imagenet", 32, "32x32x3, the shape of cifar-fs and fc100"),
        ("mini-imagenet", 85, "85x85x3"),
    ],
)
def test_images_of_another_benchmark_are_refused_whatever_the_flag(
    tmp_path: Path, dataset: str, side: int, what: str
) -> None:
    folder = _folder_of(tmp_path / "in", side, ["a", "a", "b", "b"])
    code, text = run("convert", folder, tmp_path / "o.npz", "--dataset", dataset, "--allow-smaller")
    assert code == 2 and what in text and f"the images of {dataset}" in text, text
    assert not (tmp_path / "o.npz").exists()
    parts = [ImageSplit(np.zeros((2, 2, side, side, 3), np.uint8), (f"{i}a", f"{i}b")) for i in range(3)]
    save_archive(tmp_path / "a.npz", ImageDataset(dataset, *parts))
    code, text = run("check", tmp_path / "a.npz", "--allow-smaller")
    assert code == 2 and what in text
    with pytest.raises(InvalidParameter, match="the images of"):
        load_dataset(dataset, tmp_path / "a.npz", allow_smaller=True)


@pytest.mark.parametrize(
    "dataset, side", [("fc100", 32), ("cifar-fs", 16), ("mini-imagenet", 84), ("mini-imagenet", 42)]
)
def test_published_and_smaller_images_are_taken(tmp_path: Path, dataset: str, side: int) -> None:
    folder = _folder_of(tmp_path / "in", side, ["a", "a", "b", "b"])
    code, text = run("convert", folder, tmp_path / "o.npz", "--dataset", dataset, "--allow-smaller")
    assert code == 0 and f"{side}x{side}x3" in text, text


def test_names_from_a_file_are_printed_as_text(tmp_path: Path) -> None:
    folder = _folder_of(
        tmp_path / "in[bold]\x1b[1m", 4, ["[red]a[/]", "[red]a[/]", "\x1b[2Jb\n:smile:", "\x1b[2Jb\n:smile:"]
    )
    code, text = run("convert", folder, folder / "o.npz", "--dataset", "fc100", "--allow-smaller")
    assert code == 0 and "in[bold]\\x1b[1m" in text and "\x1b" not in text, text
    for kind in (Console, RichConsole):
        console = kind(width=300, record=True, file=io.StringIO())
        check(str(folder), "fc100", allow_smaller=True, console=console)
        said = console.export_text()
        assert "[red]a[/]2" in said and r"\x1b[2Jb\n:smile:2" in said and "\x1b" not in said, said
    (folder / FILES[1]).unlink()
    code, text = run("convert", folder, folder / "o.npz", "--dataset", "fc100", "--allow-smaller")
    assert code == 2 and "in[bold]\\x1b[1m" in text and "\x1b" not in text, text


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", closed)
    code, text = run("check", folder, "--dataset", "fc100")
    assert code == 2 and "Permission denied" in text and str(folder) in text


def test_a_hostile_file_is_refused_and_nothing_is_written(folder: Path) -> None:
    (folder / FILES[1]).write_bytes(calling("posix", "system", f"touch {folder / 'mark'}"))
    code, text = run("convert", folder, folder / "o.npz", "--dataset", "fc100", "--allow-smaller")
    assert code == 2 and "FC100_val.pickle" in text and "posix.system" in text
    assert not (folder / "mark").exists() and not (folder / "o.npz").exists()
    (folder / FILES[1]).write_bytes(pickle.dumps({"data": [1]})[:-3])
    code, text = run("check", folder, "--dataset", "fc100")
    assert code == 2 and "ends too early" in text
