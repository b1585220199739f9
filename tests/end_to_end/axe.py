"""axe-core, the accessibility checks, put into a page that a browser shows.

The one script comes from npm, into a folder of the test's own, and is compared with the hash of the file that was
looked at. Where npm is not, the tests that need it are skipped; with AXE_REQUIRED=1, as CI sets it, they fail instead.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.browser import Browser

VERSION = "4.14.1"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def install(folder: Path) -> str:
    """Return the script's text.

    Args:
        folder: Empty; npm works in it.
    """
    if not shutil.which("npm"):
        return _cannot("npm is not installed")
    done = subprocess.run(
        ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", f"axe-core@{VERSION}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if done.returncode or not script.is_file():
        return _cannot(f"npm could not install axe-core: {done.stderr.strip()[-300:]}")
    assert hashlib.sha256(script.read_bytes()).hexdigest() == SHA256, "axe.min.js is not the file that was looked at"
    return script.read_text(encoding="utf-8")


def violations(browser: Browser, script: str) -> list[str]:
    """Return what axe finds wrong on the page that is shown: the rule, and where."""
    browser.run(f"{script}; window.axe = axe;")
    return browser.run(
        """
        return axe.run(document, { runOnly: arguments[0], resultTypes: ['violations'] }).then((result) =>
          result.violations.flatMap(({ id, nodes }) =>
            nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`.slice(0, 300))));
        """,
        list(RULES),
    )


def _cannot(reason: str) -> str:
    if os.environ.get("AXE_REQUIRED"):
        pytest.fail(reason)
    pytest.skip(reason)
