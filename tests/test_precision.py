"""Importing the package leaves JAX as it is; what switches it to 64-bit types says so, and changes no result."""

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(script: str, **environment: str) -> str:
    """Standard output of a script in a process where nobody has chosen JAX's types; its warnings are errors."""
    inherited = {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env=inherited | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


OTHER_CODE = """
    import os
    before = dict(os.environ)
    {imports}
    from anil_theory import *
    from anil_theory import neural, tasks, testing, certify, estimators, falsifier
    import jax, jax.numpy as jnp

    def body(count, _):
        return count + jnp.arange(3).sum(), None

    count, _ = jax.lax.scan(body, jnp.int32(0), None, length=4)
    print(f"{{jax.random.normal(jax.random.key(0)):.4f}}", count.dtype, jnp.ones(1).dtype, os.environ == before)
"""


@pytest.mark.parametrize("imports", ["import jax, anil_theory", "import anil_theory, jax"])
def test_an_import_leaves_random_numbers_integers_and_the_environment(imports: str) -> None:
    # With 64-bit types the number is -0.2050, and the scan a TypeError: its carry turns from int32 into int64.
    assert python(OTHER_CODE.format(imports=imports)).split() == ["1.6226", "int32", "float32", "True"]


@pytest.mark.parametrize("imports", ["import jax", "pass"])
def test_a_call_switches_the_process_and_those_that_it_starts(imports: str) -> None:
    script = f"""
        {imports}
        import anil_theory
        anil_theory.enable_float64()
        import os, jax, jax.numpy as jnp
        print(jnp.ones(1).dtype, jnp.arange(1).dtype, os.environ.get("JAX_ENABLE_X64"))
    """
    assert python(script, JAX_ENABLE_X64="0").split()[:2] == ["float64", "int64"]
    assert python(script).split()[2] == ("None" if imports == "import jax" else "True")


MEASURED = """
    import json, sys, threading, warnings
    import numpy as np, jax, jax.numpy as jnp
    import anil_theory
    from anil_theory import (
        Budget, Constants, Problem, Schedule, SeparableFamily, TaskSet, check, measure_block_lipschitz,
    )
    from anil_theory.certify import float_error, replay
    from anil_theory.estimators.local_program import solve_local_program
    from anil_theory.tasks import CosineFamily

    constants, schedule = Constants(0.3, 1.0, 1.0, 0.5, 1.0), Schedule(0.3, 2)
    LITTLE = Budget(pairs=2, points=2, lanczos_steps=2, starts=1, iterations=2)

    def support(w, phi, data):
        return jnp.sum((w - data) ** 2) / 4 + jnp.sum(phi) * 0.1

    def task_set():
        return TaskSet(support, support, np.array([[0.1], [0.2]])).task(1)

    def problem():
        w, phi = np.array([0.1]), np.array([0.2])
        made = Problem.from_losses(support, support, np.array([[0.1], [0.2]]), w, phi, constants=constants)
        return made.start

    def blocks():
        family = SeparableFamily(constants, 1, 1)
        tasks = family.sample(jax.random.key(0), 2)
        return measure_block_lipschitz(family, tasks, schedule, budget=LITTLE)["ww"]["ascent"].value

    def family():
        return CosineFamily(constants).sample(jax.random.key(1), 3).data

    def enclosed():
        return replay(lambda x: jnp.sin(x) / 3, 0.1).low

    def error():
        return float_error(lambda x: jnp.sin(x) / 3, 0.1)

    def searched():
        return solve_local_program(constants, schedule, "ww", starts=2, iterations=3).value

    DOORS = [task_set, problem, blocks, family, enclosed, error, searched]

    def plain(result):
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(result)]
        return [[leaf.dtype.name, leaf.tolist()] for leaf in leaves]
"""


def measured(ending: str) -> dict[str, list]:
    return json.loads(python(MEASURED + ending))


WITH_WARNINGS = """
    found = {}
    for door in DOORS:
        jax.config.update("jax_enable_x64", False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = plain(door())
        kinds = [warning.category.__name__ for warning in caught]
        places = [warning.filename for warning in caught]
        found[door.__name__] = [kinds, places, result]
    print(json.dumps(found))
"""

INSIDE = """
    found = {}
    for door in DOORS:
        with anil_theory.float64():
            result = plain(door())
        found[door.__name__] = result
        assert jnp.ones(1).dtype == jnp.float32
    print(json.dumps(found))
"""

SWITCHED = """
    anil_theory.enable_float64()
    print(json.dumps({door.__name__: plain(door()) for door in DOORS}))
"""


@pytest.mark.slow
def test_what_measures_says_that_it_switches_and_measures_the_same_in_every_way() -> None:
    switched = measured(SWITCHED)
    assert len(switched) == 7 and all(name == "float64" for kinds in switched.values() for name, _ in kinds)
    assert measured(INSIDE) == switched
    for door, (kinds, places, result) in measured(WITH_WARNINGS).items():
        assert kinds == ["Float64Enabled"], door
        assert places == ["<string>"], f"{door}: the warning must stand at the user's line"
        assert result == switched[door], door


def test_a_context_leaves_the_rest_of_the_program() -> None:
    script = """
        import threading, jax, jax.numpy as jnp, anil_theory
        elsewhere = []
        with anil_theory.float64():
            inside = jnp.ones(1).dtype
            thread = threading.Thread(target=lambda: elsewhere.append(jnp.ones(1).dtype))
            thread.start()
            thread.join()
        print(inside, elsewhere[0], jnp.ones(1).dtype)
    """
    assert python(script).split() == ["float64", "float32", "float32"]


def test_a_warning_that_is_an_error_switches_nothing_and_a_context_of_jax_is_named() -> None:
    script = """
        import jax, anil_theory
        from anil_theory import Constants, SeparableFamily
        from anil_theory._precision import SinglePrecision
        try:
            SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 1, 1)
        except anil_theory.Float64Enabled as warning:
            print(jax.config.jax_enable_x64, "with anil_theory.float64()" in str(warning))
        anil_theory.enable_float64()
        with jax.enable_x64(False):
            try:
                SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 1, 1)
            except SinglePrecision as error:
                print("a context keeps JAX at 32-bit types" in str(error))
    """
    assert python(script).split() == ["False", "True", "True"]


def test_a_command_measures_in_float64_without_a_word() -> None:
    script = """
        import contextlib, io, sys
        from anil_theory.cli import main
        sys.argv = ["anil-theory", "verify", "--help"]
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.suppress(SystemExit):
            main()
        import jax.numpy as jnp
        print(jnp.ones(1).dtype)
    """
    assert python(script).strip() == "float64"


def scripts_without_a_choice() -> list[str]:
    """Experiments that import JAX, are run by themselves, and do not say which types they compute with."""
    found = []
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        guarded = any(isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__") for node in tree.body)
        imported = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import)]
        if guarded and "import jax" in imported and "enable_float64()" not in text:
            found.append(path.relative_to(ROOT).as_posix())
    return found


def test_every_experiment_chooses_float64() -> None:
    assert scripts_without_a_choice() == []


@pytest.mark.slow
def test_the_examples_of_the_page_run() -> None:
    page = (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")
    whole, part = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    ends = "\nimport jax.numpy as jnp\nprint(jnp.ones(1).dtype)"
    assert python(whole + ends).split() == ["float64"]
    value, dtype = python(f"{part}\nprint(ww){ends}").split()
    assert 0.4 < float(value) < 1.0 and dtype == "float32"
