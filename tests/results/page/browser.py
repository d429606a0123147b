"""A headless Chromium for tests: the page as it is after its scripts have run, and pictures of it."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PATIENCE = 120
"""Seconds for one page; it takes two on a quiet machine."""


def browser() -> str:
    """The program, or a skip that says why the test cannot be made here."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)} is installed")
    return found


def run(profile: Path, page: Path, *options: str) -> str:
    """What the browser prints for a page."""
    command = [browser(), *QUIET, f"--user-data-dir={profile}", "--virtual-time-budget=60000", *options]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def text_of(dom: str, name: str) -> str:
    """The text of the element with this id in a printed page."""
    found = re.search(rf'id="{name}"[^>]*>(.*?)</', dom, flags=re.DOTALL)
    assert found is not None, f"no element {name}"
    return html.unescape(found[1])


def with_script(page: str, script: str) -> str:
    """The page with one more script at its end, whose result goes to an element."""
    return page.replace("</body>", f'<pre id="answer"></pre><script>{script}</script></body>')
