"""Verdicts on file, and the one question that publishing asks: may exactly this be published?

A verdict is a JSON file in the lake, never changed once it is there. The file is a record, not a key: before anything
is published, the verdict is reached again from the outcomes in the lake and the data at hand, and the two must agree.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from expectations.catalogue import CATALOGUE, Catalogue
from orchestration.audit.fingerprint import TableFingerprint, fingerprint_warehouse
from orchestration.audit.gate import GateMode, Verdict, decide
from orchestration.audit.outcomes import newest_audits
from orchestration.errors import AuditError, GateClosed
from orchestration.lake.store import Lake

FOLDER = "verdicts"
FORMAT = 1
"""Of the file. A verdict of another format is of another version of this code, and vouches for nothing here."""
_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,120}")


def decide_and_record(
    *,
    warehouse: Path,
    lake: Lake,
    as_of: date,
    run_id: str,
    mode: GateMode,
    clock: Callable[[], datetime],
    catalogue: Catalogue = CATALOGUE,
) -> Verdict:
    """Decide on the data at hand from the newest audits, and file the verdict.

    Raises:
        AuditError: The warehouse, the audits or a verdict on file cannot be read, or the verdict cannot be filed.
    """
    verdict = _reach(warehouse, lake, as_of, run_id, mode, clock, catalogue)
    before = newest_verdict(lake, as_of)
    if before is not None:  # a clock that was set back must not make an older verdict the newest
        just_after = before.decided_at + timedelta(microseconds=1)
        verdict = replace(verdict, decided_at=max(verdict.decided_at, just_after))
    write_verdict(lake, verdict)
    return verdict


def confirm_publishable(
    *,
    warehouse: Path,
    lake: Lake,
    as_of: date,
    mode: GateMode,
    clock: Callable[[], datetime],
    catalogue: Catalogue = CATALOGUE,
) -> Verdict:
    """Return the verdict under which the data at hand may be published for a business date.

    It is the newest on file for that date. It must pass, be about exactly this data, these rules and this mode, and
    come out the same when it is reached again.

    Raises:
        GateClosed: It may not; the message has one line per reason.
        AuditError: The warehouse, the audits or the verdicts cannot be read.
    """
    filed = newest_verdict(lake, as_of)
    if filed is None:
        raise GateClosed(
            f"nothing was audited for {as_of}",
            remedy="run the job `publish_reports` for that day, or the audit before the release",
        )
    again = _reach(warehouse, lake, as_of, filed.run_id, mode, clock, catalogue)
    require_publishable(filed, fingerprint=again.fingerprint, catalogue_hash=catalogue.hash, as_of=as_of, mode=mode)
    require_publishable(again, fingerprint=again.fingerprint, catalogue_hash=catalogue.hash, as_of=as_of, mode=mode)
    if replace(again, decided_at=filed.decided_at) != filed:
        raise GateClosed(
            f"the verdict of run {filed.run_id} does not come out the same from the audits on record",
            remedy="audit again; if nobody edited the lake, two runs were under way at once",
        )
    return filed


def require_publishable(
    verdict: Verdict | None, *, fingerprint: str, catalogue_hash: str, as_of: date, mode: GateMode | None = None
) -> None:
    """Refuse unless the verdict passes and is about exactly what is at hand.

    Args:
        verdict: The verdict, or None when there is none.
        fingerprint: Of marts and reports, as they are now.
        catalogue_hash: Of the rules of this version.
        as_of: Business date that is to be published.
        mode: The gate's mode now; None asks nothing of it.

    Raises:
        GateClosed: One line per reason, each with what to do.
    """
    if verdict is None:
        raise GateClosed("nothing was audited", remedy="run the audit before the release")
    reasons = [*verdict.reasons]
    if not verdict.passing and not reasons:
        reasons.append("the verdict does not pass, and does not say why; audit again")
    if verdict.as_of != as_of:
        reasons.append(f"the verdict is of {verdict.as_of}, not of {as_of}; audit that day")
    if not fingerprint or verdict.fingerprint != fingerprint:
        reasons.append("the data at hand is not what was audited; find out what changed it, build and audit again")
    if verdict.catalogue_hash != catalogue_hash:
        reasons.append("the verdict was reached by another version of the rules; audit again")
    if mode is not None and verdict.mode != mode:
        reasons.append(f"the verdict was reached in mode {verdict.mode}, the gate is in mode {mode}; audit again")
    if reasons:
        raise GateClosed("\n".join(["the gate is closed", *(f"  - {reason}" for reason in dict.fromkeys(reasons))]))


def write_verdict(lake: Lake, verdict: Verdict) -> Path:
    """File a verdict as `verdicts/<run_id>.json`, or `<run_id>+2.json` when the run has one already.

    Raises:
        AuditError: The run's id is no file name, or the disk refused.
    """
    if not _SAFE.fullmatch(verdict.run_id):
        raise AuditError(
            "a verdict cannot be filed under this run", subject=verdict.run_id, expected="letters, digits, . _ -"
        )
    folder = lake.root / FOLDER
    text = json.dumps(verdict_to_dict(verdict), indent=2, sort_keys=True) + "\n"
    temporary = folder / f".{verdict.run_id}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        path = _link_free_name(temporary, folder, verdict.run_id)
        temporary.unlink()
        _sync(folder)
    except OSError as error:
        raise AuditError(
            f"the verdict cannot be filed: {error.strerror or error}", file=folder, remedy="make room, and audit again"
        ) from error
    return path


def read_verdict(path: Path) -> Verdict:
    """Read a verdict.

    Raises:
        AuditError: The file is missing or is not a whole verdict.
    """
    try:
        return verdict_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AuditError(
            "the verdict cannot be read", file=path, found=str(error), remedy="move the file away, and audit again"
        ) from error


def newest_verdict(lake: Lake, as_of: date | None = None) -> Verdict | None:
    """Return the verdict on the newest audit, of one business date or of any; None when there is none.

    Audits order verdicts, and of one audit the time of the decision; neither runs backwards when a clock does.

    Raises:
        AuditError: A verdict on file cannot be read: it might have been the newest.
    """
    paths = [path for path in (lake.root / FOLDER).glob("*.json") if not path.name.startswith(".")]
    verdicts = [read_verdict(path) for path in paths if not _is_of_another_format(path)]
    wanted = [verdict for verdict in verdicts if as_of is None or verdict.as_of == as_of]
    return max(wanted, key=lambda verdict: (verdict.audit_ids.get("reports", ""), verdict.decided_at), default=None)


def verdict_to_dict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain JSON values, with a checksum over them."""
    facts: dict[str, Any] = {"format": FORMAT, **json.loads(json.dumps(asdict(verdict), default=_plain))}
    return facts | {"checksum": _checksum(facts)}


def verdict_from_dict(values: dict[str, Any]) -> Verdict:
    """Return the verdict that `verdict_to_dict` took apart.

    Raises:
        ValueError: It was changed since, or is of another format.
        KeyError: A field is missing.
        TypeError: A field is too many, or of another kind.
    """
    facts = {name: value for name, value in dict(values).items() if name != "checksum"}
    if facts.pop("format", FORMAT) != FORMAT:
        raise ValueError("it is of another format")
    if values["checksum"] != _checksum({"format": FORMAT} | facts):
        raise ValueError("it was changed after it was filed")
    for name in ("reasons", "blocked", "withheld", "warned", "waived", "excluded"):
        facts[name] = tuple(facts[name])
    facts["as_of"] = date.fromisoformat(facts["as_of"])
    facts["decided_at"] = datetime.fromisoformat(facts["decided_at"])
    facts["known_at"] = datetime.fromisoformat(facts["known_at"]) if facts["known_at"] else None
    facts["tables"] = {name: TableFingerprint(**table) for name, table in facts["tables"].items()}
    return Verdict(**facts)


def _reach(
    warehouse: Path,
    lake: Lake,
    as_of: date,
    run_id: str,
    mode: GateMode,
    clock: Callable[[], datetime],
    catalogue: Catalogue,
) -> Verdict:
    everything = fingerprint_warehouse(warehouse, "reports")
    return decide(
        newest_audits(lake, as_of),
        catalogue=catalogue,
        mode=mode,
        as_of=as_of,
        fingerprints={"marts": everything.only("marts").value, "reports": everything.value},
        tables=everything.tables,
        run_id=run_id,
        decided_at=clock().astimezone(UTC).replace(tzinfo=None),
    )


def _link_free_name(temporary: Path, folder: Path, run_id: str) -> Path:
    """Give the file a name that none has; a hard link, unlike a rename, never takes another's place."""
    number = 1
    while True:
        path = folder / (f"{run_id}.json" if number == 1 else f"{run_id}+{number}.json")
        try:
            os.link(temporary, path)
        except FileExistsError:
            number += 1
        else:
            return path


def _is_of_another_format(path: Path) -> bool:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # broken, and read_verdict says so
    return isinstance(values, dict) and values.get("format", FORMAT) != FORMAT


def _checksum(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a verdict")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
