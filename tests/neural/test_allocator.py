"""Freed memory is kept: a large block that is allocated again costs no page faults."""

import subprocess
import sys

import pytest

from anil_theory.neural import allocator

COUNT = """
import resource, sys
from anil_theory.neural.allocator import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    print("unable"); sys.exit()
import ctypes
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
library.free.argtypes = (ctypes.c_void_p,)
def use():
    block = library.malloc(50_000_000)
    ctypes.memset(block, 1, 50_000_000)
    library.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_a_block_used_again_faults_no_pages() -> None:
    faults = {}
    for mode in ("keep", "leave"):
        done = subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True)
        if done.stdout.strip() == "unable":
            pytest.skip("the C library has no mallopt")
        faults[mode] = int(done.stdout)
    assert faults["keep"] < 100 < faults["leave"]


def test_elsewhere_it_says_that_it_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator.keep_freed_memory() is False
