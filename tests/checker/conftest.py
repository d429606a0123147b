"""The proof that the tests of this folder read and forge."""

from pathlib import Path

import pytest

from tests.checker.written_proofs import write_proof


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_proof(tmp_path_factory.mktemp("proof") / "proof.json.gz")
