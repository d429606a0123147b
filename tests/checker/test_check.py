"""Proofs that the search writes are VALID, damaged and false ones are not, and the checker shares nothing with it."""

import ast
import copy
import gzip
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from anil_theory.algorithm import inner_loop
from anil_theory.certify import certify_hessian_blocks_general
from anil_theory.certify.balls import NoEnclosure
from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.loss_program import loss_program
from anil_theory.certify.proof import Proof
from anil_theory.checker import check_file
from anil_theory.checker.__main__ import main
from anil_theory.checker.check import digest
from anil_theory.checker.jets import Packing
from anil_theory.checker.norms import at_most
from anil_theory.checker.problem import Damaged, Objective
from anil_theory.cli import app
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily
from anil_theory.tasks.base import Losses
from anil_theory.verification.family_cells import FamilyCell
from tests.import_graph import ImportGraph

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "anil_theory" / "checker"
TARGETS = jnp.array([1.0, 0.3])


def support(w: Any, phi: Any, data: Any) -> Any:
    """A tanh feature with a regularised linear head."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] - data) ** 2) + 0.05 * w @ w


def query(w: Any, phi: Any, data: Any) -> Any:
    """The same head on other targets."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] + data) ** 2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    proof = Proof()
    box: Any = ([-1.0, -0.5], [0.5, 1.0])
    certify_hessian_blocks_general(Losses(support, query), TARGETS, Schedule(0.3, 2), *box, n_w=1, gap=0.1, proof=proof)
    return proof.write(tmp_path_factory.mktemp("proof") / "proof.json.gz")


def document_of(path: Path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()))


def rewritten(path: Path, document: dict, *, signed: bool = True) -> Path:
    """A forgery: the digest is that of the new contents, unless left as it was."""
    if signed:
        document["digest"] = digest(document)
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path


def test_what_the_search_writes_is_valid_and_says_the_certified_bounds(written: Path) -> None:
    report = check_file(written)
    assert report.valid and report.boxes > 20
    blocks = document_of(written)["problems"][0]["blocks"]
    assert set(blocks) == {"ww", "wphi", "phiphi"}
    assert all(repr(text["upper"]) in report.words for text in blocks.values())


@pytest.mark.parametrize("name", ["linear-body", "softmax-head"])
def test_families_round_trip(name: str, tmp_path: Path) -> None:
    proof, cell = Proof(), FamilyCell(name, 1, gap=0.3)
    cell.certificates(cell.sample(), proof=proof)
    assert check_file(proof.write(tmp_path / "proof")).valid


def lowered(problem: dict) -> None:
    bounds = problem["blocks"]["ww"]["bounds"]
    bounds[bounds.index(max(bounds))] *= 0.8


def dropped(problem: dict) -> None:
    block = problem["blocks"]["ww"]
    last = block["tree"].rindex(".")
    block["tree"] = block["tree"][:last] + block["tree"][last + 1 :]
    block["bounds"].pop()


def shrunk(problem: dict) -> None:
    # The first cut is moved, so that the half with the witness loses nearly all that it had.
    block = problem["blocks"]["phiphi"]
    axis = int(block["tree"][0])
    lower, upper = problem["region"]["lower"][axis], problem["region"]["upper"][axis]
    share = 1e-3 if block["witness"]["z"][axis] < (lower + upper) / 2 else 1 - 1e-3
    block["tree"] = "ab"[axis] + block["tree"][1:]
    block["cuts"] = [lower + share * (upper - lower), *block["cuts"]]


def without_a_bound(problem: dict) -> None:
    problem["blocks"]["ww"]["bounds"][0] = None


def with_bound(value: Any) -> Callable[[dict], None]:
    """The first bound of ww becomes a value that is none."""

    def change(problem: dict) -> None:
        problem["blocks"]["ww"]["bounds"][0] = value

    return change


def cut_outside(problem: dict) -> None:
    """The first box is to reach beyond the region."""
    block = problem["blocks"]["ww"]
    axis = int(block["tree"][0])
    block["tree"] = "ab"[axis] + block["tree"][1:]
    block["cuts"] = [problem["region"]["upper"][axis] + 1.0, *block["cuts"]]


def cut_nowhere(problem: dict) -> None:
    """A cut at NaN: neither part would hold anything."""
    cut_outside(problem)
    problem["blocks"]["ww"]["cuts"][0] = float("nan")


def cut_across_a_third(problem: dict) -> None:
    """The region has two coordinates."""
    block = problem["blocks"]["ww"]
    block["tree"] = "2" + block["tree"][1:]


def twice(problem: dict) -> None:
    """The last box is there again: a tree has no room for boxes that overlap."""
    block = problem["blocks"]["ww"]
    block["tree"] += "."
    block["bounds"].append(block["bounds"][-1])


def gap(problem: dict) -> None:
    """The first box is left out, and those behind it move up."""
    block = problem["blocks"]["ww"]
    block["tree"] = block["tree"].replace(".", "", 1)
    block["bounds"].pop(0)


def moved_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["z"][0] = problem["region"]["upper"][0] + 0.1


def changed(name: str, value: Callable[[Any], Any]) -> Callable[[dict], None]:
    def change(problem: dict) -> None:
        problem[name] = value(problem[name])

    return change


def another_target(problem: dict) -> None:
    values = next(e["values"] for e in problem["query"]["equations"] if e["op"] == "const" and 0.3 in e["values"])
    values[values.index(0.3)] = 0.3 + 1e-9


def wider(problem: dict) -> None:
    problem["region"]["upper"][1] *= 2


def infinite_claim(problem: dict) -> None:
    problem["blocks"]["ww"]["upper"] = float("inf")


def undefined_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["lower"] = float("nan")


def lower_claim(problem: dict) -> None:
    problem["blocks"]["ww"]["upper"] *= 0.9


def higher_witness(problem: dict) -> None:
    problem["blocks"]["ww"]["witness"]["lower"] *= 1 + 1e-9


FORGERIES = {
    "a bound lowered": (lowered, "box"),
    "a box dropped": (dropped, "missing"),
    "a box shrunk": (shrunk, "box"),
    "a box without a bound": (without_a_bound, "no bound"),
    "a bound that is no number": (with_bound(float("nan")), "box [-1.0, -0.5] to"),
    "an infinite bound": (with_bound(float("inf")), "box [-1.0, -0.5] to"),
    "a negative bound": (with_bound(-0.0001), "box [-1.0, -0.5] to"),
    "a bound in quotes": (with_bound("0.1"), "box [-1.0, -0.5] to"),
    "a Boolean bound": (with_bound(True), "box [-1.0, -0.5] to"),
    "a box beyond the region": (cut_outside, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a cut at no number": (cut_nowhere, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a cut across no coordinate": (cut_across_a_third, "box [-1.0, -0.5] to [0.5, 1.0]"),
    "a box twice": (twice, "more boxes"),
    "a gap": (gap, "box"),
    "a witness outside": (moved_witness, "not in the region"),
    "another alpha": (changed("alpha", lambda a: a * (1 + 1e-9)), "witness"),
    "a larger alpha": (changed("alpha", lambda a: 2 * a), "witness"),
    "another N": (changed("inner_steps", lambda N: N + 1), "witness"),
    "another loss": (another_target, "witness"),
    "a wider region": (wider, "box"),
    "an infinite claim": (infinite_claim, "block ww"),
    "a witness of no value": (undefined_witness, "block ww"),
    "a smaller claim": (lower_claim, "upper"),
    "a larger witness": (higher_witness, "witness"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_proof_is_invalid_though_its_digest_is_right(name: str, written: Path, tmp_path: Path) -> None:
    change, words = FORGERIES[name]
    document = document_of(written)
    change(document["problems"][0])
    report = check_file(rewritten(tmp_path / "forged", document))
    assert not report.valid and words in report.words


def test_an_edit_without_a_new_digest_is_found_out(written: Path, tmp_path: Path) -> None:
    document = document_of(written)
    bounds = document["problems"][0]["blocks"]["ww"]["bounds"]
    bounds[0] += 1e-15
    document["problems"][0]["blocks"]["ww"]["upper"] *= 2
    report = check_file(rewritten(tmp_path / "edited", document, signed=False))
    assert not report.valid and "digest" in report.words


def test_what_is_proved_is_said_and_a_name_from_outside_is_quoted(written: Path, tmp_path: Path) -> None:
    document = document_of(written)
    document["problems"][0]["subject"] = "red \x1b[31m\nVALID"
    words = check_file(rewritten(tmp_path / "named", document)).words
    assert "alpha = 0.3, N = 2, n_w = 1, n_phi = 1, on [-1.0, 0.5] x [-0.5, 1.0]" in words
    assert "\x1b" not in words and "red \\x1b[31m\\nVALID" in words
    assert "of other tasks it says nothing" in words and "of other tasks nothing is said" in document["asserts"]


def test_every_single_box_is_needed(written: Path, tmp_path: Path) -> None:
    """Each bound lowered to 0 is named, box by box, where the block is not 0 there."""
    document = document_of(written)
    for index in range(0, len(document["problems"][0]["blocks"]["wphi"]["bounds"]), 5):
        forged = copy.deepcopy(document)
        forged["problems"][0]["blocks"]["wphi"]["bounds"][index] = 0.0
        report = check_file(rewritten(tmp_path / "forged", forged))
        assert not report.valid and "block wphi, box" in report.words


@pytest.mark.parametrize(
    "text",
    [
        *(b'{"format": "anil-theory proof 1", "problems": [{}]}', b'{"format": "anil-theory proof 1", "format": 1}'),
        *(b"", b"{}", b"[1]", b"[" * 100_000, b'{"format": "anil-theory proof 1"}', b"\xff\xfe", b"nan"),
    ],
)
def test_files_that_are_no_proofs_are_damaged(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(text))
    with pytest.raises(Damaged):
        check_file(path)
    path.write_bytes(text)
    with pytest.raises(Damaged):
        check_file(path)


def test_a_cut_off_file_and_wrong_types_are_damaged(written: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(written.read_bytes()[:-200])
    with pytest.raises(Damaged):
        check_file(short)
    for name, value in [
        *(("alpha", "1e999999999"), ("alpha", float("inf")), ("inner_steps", -1), ("inner_steps", True)),
        *(("n_w", None), ("n_w", 0), ("n_phi", 2), ("blocks", {}), ("blocks", {"wphi2": {}}), ("region", {})),
        ("region", {"lower": [-1.0, float("nan")], "upper": [0.5, 1.0]}),
        ("region", {"lower": [-1.0, -0.5], "upper": [0.5, 1.0], "radius": "1"}),
    ]:
        document = document_of(written)
        document["problems"][0][name] = value
        with pytest.raises(Damaged):
            check_file(rewritten(tmp_path / "wrong", document))


def test_a_constant_that_grows_without_end_is_damaged(written: Path, tmp_path: Path) -> None:
    """Thirty squares of 3 would be a number of a billion digits."""
    document = document_of(written)
    squares = [{"op": "mul", "in": [i, i]} for i in range(2, 32)]
    document["problems"][0]["query"] |= {
        "equations": [{"op": "const", "in": [], "values": [3.0]}, *squares],
        "result": 32,
    }
    with pytest.raises(Damaged, match="bits"):
        check_file(rewritten(tmp_path / "growing", document))


def one_box(losses: Losses, lower: list[float], upper: list[float], bound: float, tmp_path: Path) -> bool:
    """Whether a bound of ww, stated for a whole box, is found VALID."""
    z, n_w = np.array(lower), 1
    blocks = {"ww": {"upper": bound, "tree": ".", "cuts": [], "bounds": [bound]}}
    hessian = jax.hessian(lambda z: meta(losses, z, n_w, Schedule(0.1, 1)))(jnp.asarray(z))
    entry = float(hessian[0, 0])
    blocks["ww"]["witness"] = {"z": lower, "lower": 0.0, "block": [[[entry - 1e-9, entry + 1e-9]]]}
    proof = Proof()
    proof.add(losses, (), Schedule(0.1, 1), BoxRegion(tuple(lower), tuple(upper)), n_w=n_w, blocks=blocks)
    return check_file(proof.write(tmp_path / "proof")).valid


def meta(losses: Losses, z: Any, n_w: int, schedule: Schedule) -> Any:
    final = inner_loop(losses.support, z[:n_w], z[n_w:], (), alpha=schedule.alpha, inner_steps=schedule.inner_steps)
    return losses.query(final.final, z[n_w:], ())


@pytest.mark.parametrize("kink", [jax.nn.relu, jnp.abs, lambda x: jnp.where(x > 0, x * x, 0.0)])
def test_a_kink_within_a_box_is_never_valid(kink: Any, tmp_path: Path) -> None:
    """JAX's Hessian is small almost everywhere; the gradient jumps, or its derivative does."""
    losses = Losses(lambda w, phi, data: w @ w / 2, lambda w, phi, data: kink(w[0]) + phi @ phi)
    assert one_box(losses, [0.25, 0.25], [0.5, 0.5], 2.0, tmp_path)
    assert not one_box(losses, [-0.5, -0.5], [0.25, 0.25], 2.0, tmp_path)


SMOOTH: dict[str, Callable] = {
    "tanh": lambda w, phi: jnp.sum(jnp.tanh(w) * jnp.tanh(phi[0])),
    "softmax": lambda w, phi: -jnp.log(jax.nn.softmax(jnp.concatenate([w, phi]))[0]),
    "log_softmax": lambda w, phi: -jax.nn.log_softmax(jnp.concatenate([w * phi[0], phi]))[1],
    "logsumexp": lambda w, phi: jax.nn.logsumexp(jnp.concatenate([w, 2 * phi])),
    "softplus": lambda w, phi: jnp.sum(jax.nn.softplus(w * phi[0])) + jax.nn.silu(phi[0]),
    "gelu": lambda w, phi: jnp.sum(jax.nn.gelu(w, approximate=False)) * phi[0],
    "powers": lambda w, phi: jnp.sum((2 + w) ** 1.5) / (3 + phi[0]) ** 2 + jnp.prod(1 + w) + (1.5 + phi[0]) ** -0.3,
    "waves": lambda w, phi: jnp.sum(jnp.sin(w) * jnp.cos(phi[0])) + jnp.arctan(w[0]) + jnp.sinh(phi[0]),
    "gather": lambda w, phi: jnp.sum(jnp.cumsum(w)[jnp.array([1, 0, 1])] ** 2) * phi[0] + jnp.flip(w)[0] ** 3,
    "scan": lambda w, phi: jax.lax.scan(lambda c, x: (jnp.tanh(c + x), c), phi[0], w)[0],
    "max": lambda w, phi: jnp.max(jnp.array([w[0] + 5, w[1] ** 2, phi[0]])) ** 2,
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_autodiff(name: str) -> None:
    """Two programs that share nothing: JAX's and the checker's, through N = 2 inner steps, up to the third order."""
    function = SMOOTH[name]

    def loss(w: Any, phi: Any, data: Any) -> Any:
        return function(w, phi) + w @ w / 2

    losses, schedule = Losses(loss, loss), Schedule(0.1, 2)
    program = loss_program(loss, (), 2, 1)
    objective = Objective({"n_w": 2, "n_phi": 1, "alpha": 0.1, "inner_steps": 2, "support": program, "query": program})
    packing = Packing([(3, 0, 0), (2, 1, 0), (1, 1, 1), (0, 0, 3), (0, 2, 1)], 2)
    z = np.array([0.3, -0.2, 0.4])
    found = objective.derivatives(packing, [flint.arb(x) for x in z])
    tensors = [lambda z: meta(losses, z, 2, schedule)]
    for _ in range(3):
        tensors.append(jax.jacfwd(tensors[-1]))
    exact = [np.asarray(tensor(jnp.asarray(z))) for tensor in tensors]
    for monomial, value in found.items():
        index = tuple(i for i, k in enumerate(monomial) for _ in range(k))
        assert float(value) == pytest.approx(exact[len(index)][index], rel=1e-9, abs=1e-11)


def test_a_loss_that_depends_on_what_stop_gradient_holds_is_refused() -> None:
    with pytest.raises(NoEnclosure, match="stop_gradient"):
        loss_program(lambda w, phi, data: jax.lax.stop_gradient(w[0]) * phi[0], (), 1, 1)


def test_enclosures_over_boxes_hold_random_points() -> None:
    family = SoftmaxHeadFamily(classes=2, inputs=1, width=1, shots=1, radius=1.0)
    tasks = family.sample(jax.random.key(0), 1)
    programs = [loss_program(loss, tasks.task(0), 2, 1) for loss in tasks.losses]
    text = {"n_w": 2, "n_phi": 1, "alpha": 0.5, "inner_steps": 2, "support": programs[0], "query": programs[1]}
    objective, packing = Objective(text), Packing([(2, 1, 0), (1, 1, 1), (0, 0, 3)], 2)
    box = [flint.arb(x, 0.1) for x in (0.2, -0.3, 0.4)]
    over = objective.derivatives(packing, box)
    generator = np.random.default_rng(0)
    for _ in range(50):
        z = [flint.arb(float(x) + u) for x, u in zip((0.2, -0.3, 0.4), generator.uniform(-0.1, 0.1, 3), strict=True)]
        here = objective.derivatives(packing, z)
        assert all(over[m].overlaps(here[m]) and over[m].contains(here[m].mid()) for m in over)


def test_norms_are_judged_from_both_sides() -> None:
    generator = np.random.default_rng(1)
    for rows, columns in [(1, 1), (2, 2), (1, 3), (3, 2), (3, 3)]:
        for _ in range(20):
            middle = generator.standard_normal((rows, columns))
            norm = float(np.linalg.norm(middle, 2))
            matrix = [[flint.arb(float(x)) for x in row] for row in middle]
            assert at_most(matrix, norm * (1 + 1e-9)) is True and at_most(matrix, norm * (1 - 1e-9)) is False
            wide = [[flint.arb(float(x), 1e-3) for x in row] for row in middle]
            assert at_most(wide, norm) is not True and at_most(wide, norm - 0.02) is not True


def test_the_checker_imports_flint_and_the_standard_library_only() -> None:
    for path in CHECKER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2
                names = [] if node.level else [str(node.module)]
            assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "flint"}, path
    graph = ImportGraph(ROOT, "anil_theory")
    users = {module for module, other in graph.edges() if other.startswith("anil_theory.checker")}
    assert users <= {"anil_theory.checker", *(m for m in graph.modules if m.startswith("anil_theory.checker."))}


def test_the_checker_is_small() -> None:
    """Lines of code: blank lines, comments, docstrings, and the command line of `__main__` aside."""
    idle = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    total = 0
    for path in CHECKER.glob("[!_]*.py"):
        source = path.read_text(encoding="utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        lines = {line for t in tokens if t.type not in idle for line in range(t.start[0], t.end[0] + 1)}
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        total += len(lines)
    assert 200 < total < 500


def test_the_command_runs_without_jax_and_ends_with_its_statuses(written: Path, tmp_path: Path) -> None:
    script = "import sys, runpy; sys.argv = sys.argv[1:]; sys.modules['jax'] = None; sys.modules['numpy'] = None\n"
    script += f"sys.path.insert(0, ''); runpy.run_path({str(CHECKER)!r}, run_name='__main__')"

    def status(path: Path) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", script, "check", str(path), "--workers", "2"], capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    code, words = status(written)
    assert code == 0 and words.startswith("VALID")
    document = document_of(written)
    lowered(document["problems"][0])
    code, words = status(rewritten(tmp_path / "forged", document))
    assert code == 4 and words.startswith("INVALID") and "box" in words
    (tmp_path / "absent").unlink(missing_ok=True)
    assert status(tmp_path / "absent")[0] == 2
    damaged = {"text": b"no proof", "short": written.read_bytes()[:-200], "bits": gzip.compress(b"{]")}
    damaged["flipped"] = written.read_bytes()[:-6] + b"\0" + written.read_bytes()[-5:]
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        code, words = status(tmp_path / name)
        assert code == 3 and words.startswith("error: ") and words.count("\n") == 1, name


@pytest.mark.parametrize(("ends", "status"), [(0, 0), (2, 2), (3, 3), (4, 4), (130, 130), (1, 3), (-9, 3)])
def test_the_command_never_ends_with_the_status_of_a_refutation(
    ends: int, status: int, monkeypatch: pytest.MonkeyPatch, written: Path
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, ends))
    assert CliRunner().invoke(app, ["check", str(written)]).exit_code == status


def test_a_failure_inside_is_one_line_and_status_3(
    monkeypatch: pytest.MonkeyPatch, written: Path, capsys: pytest.CaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("anil_theory.checker.check.check_file", fails)
    monkeypatch.setattr(sys, "argv", ["check", str(written)])
    assert main() == 3
    assert capsys.readouterr().err.count("\n") == 1
