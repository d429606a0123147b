"""The lowest versions that pyproject.toml allows, one requirement a line: what pip takes as constraints.

python3 .ci/lowest.py pyproject.toml > lowest.txt
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("test",)
"""What the tests need beside the dependencies."""

LOWER_BOUND = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(>=|==)(?P<version>[0-9][0-9.]*)")


def lowest(project: Path) -> list[str]:
    """`name==version` for each dependency, at its lower bound.

    Raises ValueError for a requirement that is not a name with one lower bound.
    """
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    requirements = [*table["dependencies"]]
    for extra in EXTRAS:
        requirements += table["optional-dependencies"][extra]
    pins = []
    for requirement in requirements:
        bound = LOWER_BOUND.fullmatch(requirement)
        if bound is None:
            raise ValueError(f"{project} must give one lower bound, as in numpy>=2.1; got {requirement!r}")
        pins.append(f"{bound['name']}=={bound['version']}")
    return pins


if __name__ == "__main__":
    print("\n".join(lowest(Path(sys.argv[1]))))
