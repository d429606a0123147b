"""The documented ten lines run, and so do the gallery's scripts; a loss of 10^4 parameters goes through."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anil_theory.estimators import Budget
from anil_theory.own_losses import LossStudy, StudyEffort, study_losses
from anil_theory.own_losses.admission import admit
from anil_theory.own_losses.file import read_file

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))
LARGE = Path(__file__).with_name("large_losses.py")
FEW = StudyEffort(
    samples=30,
    steps=6,
    starts=1,
    iterations=12,
    blocks=Budget(pairs=2, points=2, lanczos_steps=4, starts=1, iterations=6),
    segments=4,
    short_run=20,
)


def ten_lines() -> str:
    """The first block of code of the page."""
    text = (ROOT / "docs" / "own_losses.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:1]
    return code


@pytest.mark.slow
def test_ten_lines_go_from_features_to_constants_verdicts_and_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = ten_lines()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    generator = np.random.default_rng(0)
    features = generator.standard_normal((2, 5, 3))
    monkeypatch.chdir(tmp_path)
    np.savez("features.npz", features=features, targets=np.tanh(features[..., 0]))
    monkeypatch.setattr(StudyEffort, "suiting", lambda n: FEW)
    names: dict[str, Any] = {}
    exec(compile(code, "own_losses.md", "exec"), names)
    study = names["study"]
    assert isinstance(study, LossStudy) and {"mu", "L", "rho", "tau", "M"} == set(study.audited)
    assert study.verdicts and not study.refuted and study.advice is not None
    assert "advice for eps" in capsys.readouterr().out
    assert Path("study.png").stat().st_size > 10_000 and Path("study.json").exists()


def losses_of(script: Path) -> dict[str, Any]:
    """What a script defines ahead of its study."""
    source = script.read_text(encoding="utf-8")
    setup, _, study = source.partition("\nstudy = study_losses(")
    assert study, f"{script.name} studies nothing"
    names: dict[str, Any] = {}
    exec(compile(setup, str(script), "exec"), names)
    return names


def test_the_gallery_has_the_four_examples() -> None:
    assert [script.stem.removeprefix("plot_") for script in SCRIPTS] == [
        "attention_head",
        "linear_representation",
        "poisson_head",
        "smoothed_digits",
    ]
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        assert text.startswith('r"""') and text.count("\n# %%") >= 3


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_losses_of_the_gallery_can_be_studied(script: Path) -> None:
    names = losses_of(script)
    admitted = admit(names["support"], names["query"], names["w"], names["phi"], names["data"])
    assert admitted.notes == () and admitted.n_phi > 0


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_gallery_runs(script: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
    study = names["study"]
    assert study.verdicts and not study.refuted and study.advice.works
    assert set(study.verdicts) <= {"CONSISTENT", "CONFIRMED"}
    assert (study.n_w + study.n_phi == 3) == ("CONFIRMED" in study.verdicts)


@pytest.mark.slow
def test_a_loss_of_ten_thousand_parameters_goes_through() -> None:
    given = read_file(LARGE)
    study = study_losses(given.losses, given.w, given.phi, given.data, **given.settings)
    assert study.n_w + study.n_phi == 10_000
    assert study.verdicts == {"CONSISTENT": 4} and study.advice is not None
    # The curvature in w of a mean square is at least 0, and 16 examples do not span 100 weights: mu is the ridge.
    assert np.isclose(study.audited["mu"].extreme, 0.1, rtol=1e-6)
