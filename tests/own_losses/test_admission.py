"""What cannot be studied is refused at the door: the loss, the leaf, the line and the remedy are named."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.errors import EmptyPopulation
from anil_theory.own_losses import NotDifferentiable, UnusableLoss
from anil_theory.own_losses.admission import admit
from anil_theory.own_losses.linear_algebra import MayHang
from anil_theory.problem import TaskSet, masked_mean

W = [jnp.array(0.3)]
PHI = {"rate": jnp.array(0.5)}
DATA = {"x": np.linspace(-1, 1, 8).reshape(4, 2), "y": np.linspace(0, 1, 8).reshape(4, 2)}


def square(w: Any, phi: Any, task: Any) -> Any:
    return jnp.mean((jnp.tanh(phi["rate"] * task["x"]) * w[0] - task["y"]) ** 2) / 2


def branching(w: Any, phi: Any, task: Any) -> Any:
    return square(w, phi, task) if w[0] > 0 else 0.0


def numpy_inside(w: Any, phi: Any, task: Any) -> Any:
    return np.sin(w[0])


def as_number(w: Any, phi: Any, task: Any) -> Any:
    return float(square(w, phi, task))


def of_two(w: Any, phi: Any, task: Any) -> Any:
    return task["x"] * w[0]


def narrow(w: Any, phi: Any, task: Any) -> Any:
    return jnp.sum((w[0] * task["x"]).astype(jnp.float32))


def root(w: Any, phi: Any, task: Any) -> Any:
    return square(w, phi, task) + jnp.sqrt(w[0] - 0.3)


def undefined(w: Any, phi: Any, task: Any) -> Any:
    return jnp.log(phi["rate"] - 1.0) + w[0]


def missing(w: Any, phi: Any, task: Any) -> Any:
    return task["z"]


def looping(w: Any, phi: Any, task: Any) -> Any:
    return jax.lax.while_loop(lambda c: c < 3.0, lambda c: c + w[0] ** 2 + 1, w[0])


def called_back(w: Any, phi: Any, task: Any) -> Any:
    return jax.pure_callback(np.float64, jax.ShapeDtypeStruct((), np.float64), w[0])


REFUSED: list[tuple[Callable[..., Any], type[Exception], str]] = [
    (branching, UnusableLoss, r"support loss cannot be compiled by JAX \(test_admission.py:\d+\).*jnp.where"),
    (numpy_inside, UnusableLoss, r"cannot be compiled by JAX \(test_admission.py:\d+\).*jax.numpy"),
    (as_number, UnusableLoss, "cannot be compiled"),
    (of_two, UnusableLoss, r"one real scalar; it returns float64 of shape \(2,\)"),
    (narrow, UnusableLoss, r"mixes types: 'convert_element_type' gives float32 \(made by test_admission.py:\d+"),
    (root, UnusableLoss, r"gradient of the support loss with respect to w\[0\] is inf at the start, in task 0"),
    (undefined, UnusableLoss, "value of the support loss is nan at the start, in task 0"),
    (missing, UnusableLoss, r"support loss fails \(test_admission.py:\d+\): KeyError: 'z'"),
    (looping, NotDifferentiable, "JAX has no first derivative of the support loss"),
    (called_back, NotDifferentiable, "JAX has no first derivative of the support loss"),
]


@pytest.mark.parametrize(("loss", "kind", "words"), REFUSED)
def test_a_loss_that_cannot_be_studied_is_named(loss: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        admit(loss, square, W, PHI, DATA)


def test_the_query_loss_is_named_too() -> None:
    with pytest.raises(UnusableLoss, match="the query loss cannot be compiled"):
        admit(square, branching, W, PHI, DATA)
    with pytest.raises(UnusableLoss, match="query loss must be a function"):
        admit(square, 3, W, PHI, DATA)  # pyright: ignore[reportArgumentType]


def test_a_nan_in_one_task_alone_is_found_there() -> None:
    def of_task(w: Any, phi: Any, task: Any) -> Any:
        return square(w, phi, task) + jnp.sum(jnp.where(task["y"] > 0.9, jnp.log(w[0] - 1.0), 0.0))

    with pytest.raises(UnusableLoss, match="in task 3"):
        admit(of_task, square, W, PHI, DATA)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"x": DATA["x"], "y": DATA["y"][:3]}, r"data\['x'\]: 4, data\['y'\]: 3"),
        ({"x": DATA["x"], "y": np.float64(1.0)}, r"data\['y'\]: none"),
        ({"x": np.array([["a"], ["b"]])}, r"data\['x'\] must be an array of numbers"),
        ({"x": np.array([[np.nan], [1.0]])}, r"data\['x'\] must be finite"),
        ([{"x": np.ones(2)}, {"x": np.ones(3)}], r"pad=True"),
    ],
)
def test_data_that_are_no_population_are_refused(data: Any, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        admit(square, square, W, PHI, data)


def test_no_task_is_no_population() -> None:
    with pytest.raises(EmptyPopulation):
        admit(square, square, W, PHI, {"x": np.zeros((0, 2)), "y": np.zeros((0, 2))})


@pytest.mark.parametrize("w", [[jnp.array(1)], [jnp.array(np.nan)], ["a"], []])
def test_parameters_that_are_no_floats_are_refused(w: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"w\[0\]|n_w"):
        admit(square, square, w, PHI, DATA)


def test_narrow_data_are_widened_with_a_note() -> None:
    narrow_data = {"x": DATA["x"].astype(np.float32), "y": DATA["y"]}
    admitted = admit(square, square, W, PHI, narrow_data)
    assert admitted.tasks.data["x"].dtype == np.float64
    assert admitted.notes == ("data['x']: converted to float64, which is exact",)
    assert admit(square, square, W, PHI, DATA).notes == ()


def test_a_list_of_tasks_is_a_population() -> None:
    listed = [jax.tree.map(lambda leaf, i=i: leaf[i], DATA) for i in range(4)]
    admitted = admit(square, square, W, PHI, listed)
    assert len(admitted.tasks) == 4


def test_the_origin_is_the_start() -> None:
    """A shift of the origin changes no derivative."""
    admitted = admit(square, square, W, PHI, DATA)
    task = admitted.tasks.task(2)
    shifted = admitted.tasks.support(jnp.array([0.2]), jnp.array([-0.1]), task)
    assert np.isclose(shifted, square([jnp.array(0.5)], {"rate": jnp.array(0.4)}, task), rtol=1e-15)
    assert admitted.start.tolist() == [0.3, 0.5]


def test_primitives_with_a_possible_kink_are_listed_where_parameters_reach_them() -> None:
    def kinked(w: Any, phi: Any, task: Any) -> Any:
        return square(w, phi, task) + jnp.abs(w[0]) + jnp.max(task["x"])

    (line,) = admit(kinked, square, W, PHI, DATA).kinked["support"]
    assert line.startswith("`abs` (made by test_admission.py:")


def solving(w: Any, phi: Any, task: Any) -> Any:
    matrix = jnp.eye(2) * (2.0 + phi["rate"])
    return square(w, phi, task) + jnp.sum(jnp.linalg.solve(matrix, task["x"])) ** 2


def test_a_loss_that_calls_lapack_may_hang_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr(jax, "__version__", "0.11.0")
    with pytest.warns(MayHang, match=r"the support loss calls LAPACK \('lu'.*NPROC=1"):
        admit(solving, square, W, PHI, DATA)
    for version, threads in (("0.12.1", None), ("0.10.2", "1")):
        monkeypatch.setattr(jax, "__version__", version)
        if threads:
            monkeypatch.setenv("NPROC", threads)
        with warnings.catch_warnings():
            warnings.simplefilter("error", MayHang)
            admit(solving, square, W, PHI, DATA)


def of_examples(w: Any, phi: Any, task: Any) -> Any:
    errors = (jnp.tanh(phi["rate"] * task.examples["x"]) * w[0] - task.examples["y"]) ** 2
    return masked_mean(errors, task.mask["x"]) / 2


def test_tasks_of_unequal_sizes_are_padded_by_the_call_that_the_error_gives() -> None:
    unequal = [{"x": np.ones(3), "y": np.zeros(3)}, {"x": np.ones(4), "y": np.ones(4)}]
    with pytest.raises(InvalidParameter, match=r"pad=True .* `\.examples` and `\.mask`, for `masked_mean`"):
        admit(square, square, W, PHI, unequal)
    admitted = admit(of_examples, of_examples, W, PHI, unequal, pad=True)
    for index, task in enumerate(unequal):
        value = admitted.tasks.support(jnp.zeros(1), jnp.zeros(1), admitted.tasks.task(index))
        assert np.isclose(value, square(W, PHI, task), rtol=1e-14)
    with pytest.raises(InvalidParameter, match="pad must be False unless data are a list"):
        admit(square, square, W, PHI, DATA, pad=True)


def test_a_task_set_brings_its_data() -> None:
    of_set = admit(square, square, W, PHI, TaskSet(square, square, {k: jnp.asarray(v) for k, v in DATA.items()}))
    assert len(of_set.tasks) == 4 and np.array_equal(of_set.tasks.data["x"], DATA["x"])


def test_an_activation_among_the_parameters_gets_the_call_that_leaves_it_out() -> None:
    import equinox as eqx

    model = eqx.nn.MLP(2, 1, 3, 1, activation=jnp.tanh, key=jax.random.key(0))

    def head(tree: Any) -> Any:
        return eqx.tree_at(
            lambda t: (t.layers[-1].weight, t.layers[-1].bias), jax.tree.map(lambda _: False, tree), (True, True)
        )

    w, phi = eqx.partition(model, head(model))
    data = {"x": np.ones((2, 5, 2))}
    with pytest.raises(InvalidParameter, match=r"phi\.activation .*`eqx.partition\(model, eqx.is_inexact_array\)`"):
        admit(square, square, w, phi, data)
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)
    w, phi = eqx.partition(arrays, head(arrays))

    def loss(w: Any, phi: Any, task: Any) -> Any:
        return jnp.mean(jax.vmap(eqx.combine(w, phi, rest))(task["x"]) ** 2)

    assert admit(loss, loss, w, phi, data).n_w == 4
