"""Which card there is, how much of its memory is ours, and sizes that fit in it."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import jax


class NoCard(RuntimeError):
    """There is nothing to measure on: no card, or one that JAX does not see."""


@dataclass(frozen=True)
class Card:
    """The device of a run: its name as the driver gives it, and the bytes that JAX may use; `toy` is the CPU's."""

    name: str
    bytes_limit: int
    toy: bool = False

    @property
    def slug(self) -> str:
        """The name in the form of a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


TOY_BYTES = 2**31
"""What a run at toy size says that it has."""


def find_card(*, dry: bool) -> Card:
    """The card that JAX computes on, or the CPU for a dry run.

    Raises NoCard, which says whether the machine has no card or JAX does not see it.
    """
    device = jax.devices()[0]
    if dry:
        return Card(f"dry run on {device.platform}", TOY_BYTES, toy=True)
    if device.platform != "gpu":
        driver = cards_of_the_driver()
        if driver:
            raise NoCard(
                f"the machine has {driver[0]}, and JAX {jax.__version__} sees only {device.platform}: install its CUDA "
                "plug-in (pip install 'jax[cuda13]'), and look whether JAX_PLATFORMS is set"
            )
        raise NoCard("this machine has no card; --dry runs every step at toy size on the CPU")
    statistics = device.memory_stats() or {}
    return Card(device.device_kind, int(statistics.get("bytes_limit", TOY_BYTES)))


def cards_of_the_driver() -> list[str]:
    """The names of the cards that the driver lists; empty without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()] if listed.returncode == 0 else []


@dataclass(frozen=True)
class Fitted:
    """How many tasks fit, and a sentence when they are fewer than were asked for (else "")."""

    tasks: int
    remark: str


def fit_tasks(tasks: int, bytes_of_one: float, bytes_limit: int) -> Fitted:
    """`tasks` halved until they fit in four fifths of the memory; never below one."""
    fitting = tasks
    while fitting > 1 and fitting * bytes_of_one > 0.8 * bytes_limit:
        fitting //= 2
    if fitting == tasks:
        return Fitted(tasks, "")
    have = f"{bytes_limit / 2**30:.0f} GiB"
    return Fitted(fitting, f"{fitting} tasks in place of {tasks}: the card has {have}, too little for all of them")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory did not suffice, of the device or of the machine."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()
