"""Publishes one release and kills itself at a step. Run as a script by the test beside it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path


def main(given: Path, moment: str) -> None:
    """Publish what `given` holds; die when the publication reaches `moment`."""
    from orchestration.publication.postgresql.publish import publish_content

    content, target, old = pickle.loads(given.read_bytes())

    def reached(step: str) -> None:
        if step == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    publish_content(content, target, find=lambda name: old, reached=reached)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
