"""How a status word looks: always a sign and a word, the colour only on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Level = Literal["good", "warn", "bad", "mute"]


@dataclass(frozen=True, slots=True)
class Tone:
    """A badge."""

    level: Level
    sign: str
    word: str


TONES: Mapping[str, Tone] = MappingProxyType(
    {
        # status of a key result or KPI
        "achieved": Tone("good", "✔", "achieved"),
        "on_track": Tone("good", "●", "on track"),
        "at_risk": Tone("warn", "▲", "at risk"),
        "off_track": Tone("bad", "■", "off track"),
        "not_assessable": Tone("mute", "?", "not assessable"),
        "withheld": Tone("mute", "–", "withheld"),
        # severity of a rule
        "block": Tone("bad", "■", "blocks"),
        "withhold": Tone("warn", "▲", "withholds"),
        "warn": Tone("mute", "!", "warns"),
        # outcome of a rule
        "passed": Tone("good", "✔", "passed"),
        "failed": Tone("bad", "✕", "failed"),
        "waived": Tone("mute", "◇", "waived"),
        "not_evaluated": Tone("bad", "?", "not evaluated"),
        "excluded": Tone("mute", "○", "not yet checked"),
        # variation and assurance of a KPI
        "concern": Tone("bad", "▲", "concern"),
        "improvement": Tone("good", "●", "improvement"),
        "common_cause": Tone("mute", "=", "common cause"),
        "consistently_passes": Tone("good", "✔", "consistently passes"),
        "consistently_fails": Tone("bad", "✕", "consistently fails"),
        "inconsistent": Tone("mute", "~", "hit or miss"),
        # state of an escalation
        "overdue": Tone("bad", "■", "overdue"),
        # state of a silo conflict
        "open_conflict": Tone("bad", "■", "open conflict"),
        "ended_conflict": Tone("mute", "○", "ended"),
        # verdict on a plan, load of a unit, state of a dependency
        "ready": Tone("good", "✔", "ready"),
        "baseline_only": Tone("warn", "▲", "baseline only"),
        "not_a_plan": Tone("bad", "✕", "not a plan"),
        "fits": Tone("good", "✔", "fits"),
        "tight": Tone("warn", "▲", "tight"),
        "exceeds": Tone("bad", "■", "exceeds"),
        "unconfirmed": Tone("warn", "▲", "unconfirmed"),
        "confirmed": Tone("good", "●", "confirmed"),
        "delivered": Tone("good", "✔", "delivered"),
        "delivered_late": Tone("warn", "▲", "delivered late"),
        # outcome of a load
        "loaded": Tone("good", "✔", "loaded"),
        "rejected": Tone("bad", "✕", "rejected"),
    }
)
STATUS_ORDER = ("off_track", "at_risk", "not_assessable", "withheld", "on_track", "achieved")
"""What needs attention first."""
SEVERITY_ORDER = ("block", "withhold", "warn")
