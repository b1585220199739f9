"""Take the README's pictures of the governance site, in headless Chromium: `python -m tests.end_to_end.take_pictures`.

Run `make run` first. The pictures show the flights example, as everybody gets it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from orchestration.settings import PROJECT_ROOT
from tests.end_to_end.browser import Browser

PICTURES = {
    "overview.png": ("index.html", 1280, 1180, False),
    "kpi.png": ("kpi-ua_on_time_share.html", 1280, 1180, True),
}
"""File -> page, width, height, dark."""
LARGEST_BYTES = 300_000


def main() -> None:
    """Write the pictures; fail when one is too large to be looked at by the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=PROJECT_ROOT / "data" / "governance" / "current")
    parser.add_argument("--to", type=Path, default=PROJECT_ROOT / "docs" / "images")
    given = parser.parse_args()
    if not (given.site / "index.html").is_file():
        raise SystemExit(f"there is no site at {given.site}; do: make run")
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, Browser(Path(profile)) as browser:
        for name, (page, width, height, dark) in PICTURES.items():
            path = given.to / name
            browser.open(given.site / page, width=width, height=height, dark=dark)
            browser.picture(path, whole=False)
            size = path.stat().st_size
            sys.stdout.write(f"{path}: {size:,} bytes\n")
            if size > LARGEST_BYTES:
                raise SystemExit(f"{name} is larger than {LARGEST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
