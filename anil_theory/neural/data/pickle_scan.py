"""A walk over the opcodes of a pickle that builds nothing and refuses what would take more than the file accounts for.

The unpickler of the standard library takes every number in the file at its word: nine bytes that put something into
place 2^29 of its memo take 4 GB, a length prefix reserves that many bytes, a tuple nested a million times has its hash
taken on the C stack. So the opcodes are walked first. The walk knows of each value its depth only: 0 for what has no
members, and for a container one more than its deepest member.

Depth is exact for tuples, which are built at once, and a lower bound for lists and dicts that grow after something
else holds them; whoever reads the result sees to those. A prefix that the walk accepts leaves the unpickler's stack,
marks and memo in the shape that the walk has; where the unpickler is stricter it stops with an error of its own.
"""

import pickletools
from typing import BinaryIO

MAX_DEPTH = 64
FREE_OPCODES = 250_000
"""A pickle of any size may have this many opcodes."""
BYTES_PER_OPCODE = 16
"""A pickle may have one more opcode for this many bytes: an opcode of one byte makes up to 200 bytes."""

_LONGEST_KEY = 9  # bytes of an integer below 2^64; of longer ones, many can be made that have one hash
_LONGEST_KEY_TEXT = 24
_SMALL_READ = 4096


class Refused(Exception):
    """What a pickle wanted and may not have; the text says it."""


def scan_pickle(file: BinaryIO, size: int) -> int:
    """Walk over the pickle in `file`, which has `size` bytes, to its end; returns how many opcodes it has.

    Raises Refused for what no file of data does, EOFError where the file ends too early, and ValueError or another
    lookup error for bytes that are no pickle.
    """
    walk, opcodes = _Walk(), 0
    limit = FREE_OPCODES + size // BYTES_PER_OPCODE
    while True:
        code = file.read(1)
        if not code:
            raise EOFError("no end of the pickle")
        opcode = _OPCODES.get(code)
        if opcode is None:
            raise ValueError(f"no opcode {code!r} at byte {file.tell() - 1}")
        opcodes += 1
        if opcodes > limit:
            raise Refused(f"a pickle of more than {limit} opcodes in {size} bytes")
        argument = _argument(file, opcode, size)
        if opcode.name == "STOP":
            return opcodes
        walk.step(opcode.name, argument, opcodes)


_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_COUNTED = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
"""How many bytes hold the length of an argument, by how pickletools says that it has one."""


def _argument(file: BinaryIO, opcode: pickletools.OpcodeInfo, size: int) -> bytes:
    """The argument of an opcode; of one with a length prefix only what may be a short integer, the rest is skipped."""
    argument = opcode.arg
    if argument is None:
        return b""
    if argument.n == pickletools.UP_TO_NEWLINE:
        line = _line(file)
        return line + _line(file) if argument is pickletools.stringnl_noescape_pair else line
    if argument.n in _COUNTED:
        length = int.from_bytes(_exactly(file, _COUNTED[argument.n]), "little")
        if length > size - file.tell():
            raise EOFError(f"an argument of {length} bytes in a file of {size}")
        if length <= _SMALL_READ:
            return _exactly(file, length)
        file.seek(length, 1)
        return b"-" * _SMALL_READ
    fixed = _exactly(file, argument.n)
    if opcode.name == "FRAME" and int.from_bytes(fixed, "little") > size - file.tell():
        raise EOFError("a frame that is longer than the file")
    return fixed


def _exactly(file: BinaryIO, length: int) -> bytes:
    read = file.read(length)
    if len(read) < length:
        raise EOFError("an argument that ends too early")
    return read


def _line(file: BinaryIO) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError("a line that ends too early")
    return line


_SCALARS = frozenset((
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "GLOBAL", "PERSID", "NEXT_BUFFER",
))  # fmt: skip
_EMPTY = frozenset(("EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT"))
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS = {"STACK_GLOBAL": 2, "REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3, "BINPERSID": 1}
"""How many values each takes; it leaves one without members. Which names may be called is not decided here."""
_SETS = frozenset(("EMPTY_SET", "FROZENSET", "ADDITEMS"))
_EXTENSIONS = frozenset(("EXT1", "EXT2", "EXT4"))


class _Walk:
    """The unpickler's stack, marks and memo, with depths in the place of values."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.marks: list[int] = []
        self.memo: dict[int, int] = {}

    def step(self, name: str, argument: bytes, opcodes: int) -> None:
        """Follow one opcode; `opcodes` counts those up to it."""
        stack = self.stack
        if name in _SCALARS:
            stack.append(0)
        elif name in ("INT", "LONG"):
            stack.append(int(len(argument) > _LONGEST_KEY_TEXT))
        elif name in ("LONG1", "LONG4"):
            stack.append(int(len(argument) > _LONGEST_KEY))  # as a container of depth 1: it is no key
        elif name in _EMPTY:
            stack.append(1)
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in ("TUPLE", "LIST", "DICT"):
            self._hold(0, self._since_mark(), keyed=name == "DICT")
        elif name in _TUPLES:
            self._hold(0, self._last(_TUPLES[name]))
        elif name in ("APPEND", "APPENDS"):
            members = self._last(1) if name == "APPEND" else self._since_mark()
            self._hold(stack.pop(), members)
        elif name in ("SETITEM", "SETITEMS"):
            members = self._last(2) if name == "SETITEM" else self._since_mark()
            self._hold(stack.pop(), members, keyed=True)
        elif name in _CALLS:
            self._last(_CALLS[name])
            stack.append(0)
        elif name in ("INST", "OBJ"):
            self._since_mark()
            stack.append(0)
        elif name == "BUILD":
            stack.pop()
        else:
            self._step_of_stack_or_memo(name, argument, opcodes)

    def _step_of_stack_or_memo(self, name: str, argument: bytes, opcodes: int) -> None:
        stack = self.stack
        if name in ("GET", "PUT"):
            argument = int(argument).to_bytes(8, "little")
        if name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._remember(int.from_bytes(argument, "little"), opcodes)
        elif name == "MEMOIZE":
            self._remember(len(self.memo), opcodes)
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[int.from_bytes(argument, "little")])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP_MARK":
            self._since_mark()
        elif name == "POP":
            at_mark = bool(self.marks) and self.marks[-1] == len(stack)
            (self.marks if at_mark else stack).pop()
        elif name in _SETS:
            raise Refused("a pickle of a set")
        elif name in _EXTENSIONS:
            raise ValueError("a code of an extension")
        elif name not in ("PROTO", "FRAME", "READONLY_BUFFER"):
            raise ValueError(f"the opcode {name}")

    def _remember(self, place: int, opcodes: int) -> None:
        if place > opcodes:  # writers number what they remember from 0 or 1 on
            raise Refused(f"a pickle that uses place {place} of its memo after {opcodes} opcodes")
        self.memo[place] = self.stack[-1]

    def _last(self, count: int) -> list[int]:
        if len(self.stack) < count:
            raise ValueError("an empty stack")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _since_mark(self) -> list[int]:
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def _hold(self, depth: int, members: list[int], *, keyed: bool = False) -> None:
        """Push a container of `depth` (0: a new one) that has taken `members`, alternately keys and values if keyed."""
        if keyed and any(members[::2]):
            raise Refused("a dict with keys other than strings and numbers")
        depth = max(depth, 1 + max(members, default=0))
        if depth > MAX_DEPTH:
            raise Refused(f"nesting deeper than {MAX_DEPTH}")
        self.stack.append(depth)
