"""Processes beside the run, asked in lines of JSON, with a time limit that ends them where they are."""

import importlib.util
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiments.gpu_steps.pieces import Clock

ROOT = Path(__file__).parents[2]
GRACE = 5.0
"""Seconds that a worker may take beyond its limit, to come to the end of a repetition."""


class NoAnswer(RuntimeError):
    """A worker ended by itself, or was ended because its time was up."""


class Worker:
    """A module of this folder as a process on the CPU's side of JAX; it is started by the first question.

    module   what `python -m` runs; it answers with one line of JSON when it is ready, then one for every request;
    cores    how many processor cores it may use, or None for all of them.
    """

    def __init__(self, module: str, *arguments: str, cores: int | None = None):
        self.module, self.arguments, self.cores = module, arguments, cores
        self.process: subprocess.Popen[bytes] | None = None
        self.rest = b""
        self.greeting: dict[str, Any] = {}

    def start(self) -> None:
        """Start the process, and do not wait for it."""
        inherited = os.environ.get("PYTHONPATH")
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *([inherited] if inherited else [])]),
        }
        command = [sys.executable, "-m", self.module, *self.arguments]
        self.rest = b""
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT
        )
        if self.cores is not None and hasattr(os, "sched_setaffinity"):
            allowed = sorted(os.sched_getaffinity(0))[-self.cores :]
            os.sched_setaffinity(self.process.pid, allowed)

    def ask(self, request: dict[str, Any], clock: Clock) -> dict[str, Any]:
        """The answer. Raises NoAnswer, with the process ended, when it does not come in time."""
        if self.process is None:
            self.start()
            self.greeting = self.line(clock)
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write((json.dumps(request) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.close()
            raise NoAnswer(f"{self.module} has ended") from None
        return self.line(clock)

    def line(self, clock: Clock) -> dict[str, Any]:
        """The next line that the process writes, as JSON; NoAnswer as in `ask`."""
        assert self.process is not None and self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        while b"\n" not in self.rest:
            ready, _, _ = select.select([pipe], [], [], max(0.0, clock.left() + GRACE))
            part = os.read(pipe, 65536) if ready else b""
            if not part:
                reason = "has ended" if ready else "was ended: the time was up"
                self.close()
                raise NoAnswer(f"{self.module} {reason}")
            self.rest += part
        first, self.rest = self.rest.split(b"\n", 1)
        return json.loads(first)

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None


def torch_is_there() -> bool:
    """Whether PyTorch is installed."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ImportError:
        return False
