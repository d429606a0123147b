"""Who imports whom, read from the source with `ast`: nothing is executed."""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path


class ImportGraph:
    """The imports of the package or folder `name` below `root`, wherever they stand: in functions and for types too.

    Importing a module runs the `__init__` of the folders above it, so those count as imported; that of the package
    itself does not, for every module would then import everything.
    """

    def __init__(self, root: Path, name: str):
        self.name = name
        self.modules: dict[str, Path] = {}
        for path in sorted((root / name).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            self.modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path

    def edges(self) -> Iterator[tuple[str, str]]:
        """Pairs (module, imported module) inside the package, as written in the source."""
        for module, imported in self._written.items():
            yield from ((module, other) for other in sorted(imported) if other != module)

    def outside(self, tops: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Pairs (module, imported dotted name) for names in the top-level packages `tops`."""
        for module in self.modules:
            for names in self._names(module):
                if names[-1].split(".")[0] in tops:
                    yield module, names[0]

    def reachable(self, module: str) -> dict[str, list[str]]:
        """Each module that importing `module` runs, with one shortest path to it."""
        paths = {module: [module]}
        queue = [module]
        for here in queue:
            for other in sorted(self._run(here)):
                if other not in paths:
                    paths[other] = [*paths[here], other]
                    queue.append(other)
        del paths[module]
        return paths

    def cycles(self) -> list[str]:
        """Modules that import themselves through others, by the imports that are written in the source."""
        found = []
        for module in self.modules:
            seen, queue = set(), [module]
            for here in queue:
                new = self._written[here] - seen - {here}
                seen |= new
                queue.extend(new)
            if module in seen:
                found.append(f"{module} is part of an import cycle")
        return found

    def _run(self, module: str) -> set[str]:
        found = set()
        for imported in self._written[module]:
            parts = imported.split(".")
            found |= {".".join(parts[:length]) for length in range(2, len(parts) + 1)}
        return found & self.modules.keys()

    @cached_property
    def _written(self) -> dict[str, set[str]]:
        return {
            module: {
                next(name for name in names if name in self.modules)
                for names in self._names(module)
                if any(name in self.modules for name in names)
            }
            for module in self.modules
        }

    def _names(self, module: str) -> Iterator[tuple[str, ...]]:
        """For each import, the dotted names that it can mean, the longest first: `from a import b` is a.b or a."""
        path = self.modules[module]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield (alias.name,)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(module, node)
                for alias in node.names:
                    yield f"{origin}.{alias.name}", origin
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
                for argument in node.args[:1]:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield (argument.value,)

    def _origin(self, module: str, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        above = module.split(".")
        drop = node.level - (self.modules[module].name == "__init__.py")
        return ".".join([*above[: len(above) - drop], *([node.module] if node.module else [])])
