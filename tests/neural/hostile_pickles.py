"""Small pickles that ask for much memory, much time or a deep stack, each with the words that refuse it."""

import pickle
import struct

_NUMPY_TYPE = b"cnumpy\ndtype\n"


def _doubled(times: int) -> bytes:
    """Opcodes that push a tuple of two tuples of two tuples ..., which shares all of them: 7 bytes a level."""
    return b")q\x000" + times * b"h\x00h\x00\x86q\x000" + b"h\x00"


def _text(content: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(content)) + content


def _called_again(function: bytes, arguments: bytes, times: int) -> bytes:
    """A list of `times` results of one call; each costs the file five bytes."""
    return b"\x80\x02](" + function + b"q\x01" + arguments + b"q\x02" + b"00" + times * b"h\x01h\x02R" + b"e."


_LONG = _text(b"x" * 500_000)
_LONG_SCALAR = _NUMPY_TYPE + _text(b"S500000") + b"\x85RB" + struct.pack("<I", 500_000) + b"x" * 500_000 + b"\x86"
_PAIRS = b"](" + b"".join(b"(J" + struct.pack("<i", i) + b"Nt" for i in range(30_000)) + b"e\x85"
_LISTS = b"]q\x000" + b"".join(b"]q%c(h%ch%ce0" % (i + 1, i, i) for i in range(40)) + b"h\x28"
_SAME_HASH = (2**61 - 1) << 64  # hash(n (2^61 - 1)) is 0 for every n

HOSTILE = {
    # name: (the pickle, what the refusal says)
    "a far place of the memo": (b"\x80\x02Nr\xff\xff\xff\x1f.", "place 536870911 of its memo"),
    "a far place of the memo, as text": (b"Np4000000000\n.", "place 4000000000 of its memo"),
    "a place of the memo beyond any": (b"Np" + b"9" * 30 + b"\n.", "readable pickle"),
    "shared tuples": (b"\x80\x02" + _doubled(60) + b".", "unfold to more than"),
    "shared lists": (b"\x80\x02" + _LISTS + b".", "unfold to more than"),
    "shared tuples as a key": (b"\x80\x02}" + _doubled(60) + b"Ns.", "keys other than"),
    "shared tuples as a type": (b"\x80\x02" + _NUMPY_TYPE + _doubled(60) + b"\x85R.", "numpy type ''"),
    "shared tuples as an encoding": (
        b"\x80\x02c_codecs\nencode\n" + _text(b"x") + _doubled(60) + b"\x86R.",
        "an encoding 'tuple'",
    ),
    "an outside reference": (b"\x80\x02NQ.", "outside reference"),
    "shared tuples as an outside reference": (b"\x80\x02" + _doubled(60) + b"Q.", "outside reference"),
    "shared tuples in a set": (b"\x80\x04\x8f(" + _doubled(60) + b"\x90.", "a set"),
    "shared tuples in a frozen set": (b"\x80\x04(" + _doubled(60) + b"\x91.", "a set"),
    "shared tuples as pairs": (
        b"\x80\x02ccollections\nOrderedDict\n]((" + _doubled(60) + b"Nte\x85R.",
        "OrderedDict",
    ),
    "nested tuples": (b"\x80\x02)" + b"\x85" * 1_000_000 + b".", "nesting deeper than 64"),
    "nested tuples as a key": (b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns.", "nesting deeper than 64"),
    "nested lists": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "nesting deeper than 64"),
    "lists nested from the inside": (
        # the innermost list takes a new one, which is then the innermost: no list is deep when another takes it
        b"\x80\x02]q\x00" + b"h\x00]q\x01a0h\x01q\x000" * 200 + b".",
        "nesting deeper than 64",
    ),
    "lists nested in the order of their depth": (
        # [x0, x1, ...], where each list takes the one before it once all are there
        b"\x80\x02]("
        + b"".join(b"]q%c" % i for i in range(100))
        + b"e"
        + b"".join(b"h%ch%ca0" % (i + 1, i) for i in range(99))
        + b".",
        "nesting deeper than 64",
    ),
    "dicts nested in themselves": (b"\x80\x02}q\x00K\x01h\x00s.", "nesting without end"),
    "one text encoded again and again": (
        _called_again(b"c_codecs\nencode\n", _LONG + _text(b"latin1") + b"\x86", 12_000),
        "decodes to more than",
    ),
    "one scalar again and again": (
        _called_again(b"cnumpy.core.multiarray\nscalar\n", _LONG_SCALAR, 12_000),
        "decodes to more than",
    ),
    "one OrderedDict again and again": (
        _called_again(b"ccollections\nOrderedDict\n", _PAIRS, 12_000),
        "decodes to more than",
    ),
    "a length beyond the file": (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.", "ends too early"),
    "a byte array beyond the file": (b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"abc.", "ends too early"),
    "a negative length": (b"\x80\x02T\xff\xff\xff\xffabc.", "ends too early"),
    "a frame beyond the file": (b"\x80\x04\x95" + struct.pack("<Q", 2**33) + b"N.", "ends too early"),
    "empty lists": (b"\x80\x02(" + b"]" * 2_000_000 + b"t.", "opcodes in 2000005 bytes"),
    "keys of one hash": (
        b"\x80\x02}("
        + b"".join(b"\x8a\x18" + (_SAME_HASH * i).to_bytes(24, "little") + b"N" for i in range(1, 60_000))
        + b"u.",
        "keys other than",
    ),
    "pairs of one hash": (
        b"\x80\x02ccollections\nOrderedDict\n]((" + b"\x8a\x18" + _SAME_HASH.to_bytes(24, "little") + b"Nte\x85R.",
        "keys other than",
    ),
    "an integer of a million digits": (b"I" + b"9" * 1_000_000 + b"\n.", "readable pickle"),
    "an extension": (b"\x80\x02\x82\x01.", "readable pickle"),
    "an HTML page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>Quota exceeded</title></html>", "HTML page"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer of Git LFS"),
    "a gzip file": (b"\x1f\x8b\x08" + bytes(20), "gzip"),
    "a zip file": (b"PK\x03\x04" + bytes(20), "zip file"),
    "an object of somebody's class": (pickle.dumps(struct.Struct("<i").format)[:-1] + b"(iab\nC\n.", "import ab.C"),
}
