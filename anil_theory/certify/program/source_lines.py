"""The line of the user's loss that made an equation of a jaxpr, for messages."""

import os
from typing import Any

import jax

_JAX = os.path.dirname(os.path.abspath(str(jax.__file__))) + os.sep
_PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 2)) + os.sep
LINE = "made by "
_OURS = (_PACKAGE + "algorithm" + os.sep, _PACKAGE + "certify" + os.sep)
_INSTALLED = f"{os.sep}site-packages{os.sep}"


def user_line(equation: Any) -> str:
    """ " (made by FILE:LINE in FUNCTION)" of the innermost frame that is the user's, "" where none is known.

    The user's frames are those inside this package's tracing of the loss; a line of an installed library
    (a loss of optax) is named only where there is no other.
    """
    traceback = getattr(getattr(equation, "source_info", None), "traceback", None)
    frames = list(traceback.frames) if traceback is not None else []
    loss = []
    for frame in frames:
        if frame.file_name.startswith(_OURS):
            break
        if not frame.file_name.startswith(_JAX):
            loss.append(frame)
    own = [frame for frame in loss if _INSTALLED not in frame.file_name]
    for frame in own or loss:
        return f" ({LINE}{os.path.basename(frame.file_name)}:{frame.line_num} in {frame.function_name})"
    return ""
