"""DAT-05: a feed's quarantined share stays under its limit."""

from __future__ import annotations

from expectations.rule import Rule

RULE = Rule(
    id="DAT-05",
    slug="feed_stays_under_its_quarantine_limit",
    title="A feed's quarantined share stays under its limit",
    why="A broken feed must not pass for a small one.",
    subject_type="feed",
    severity="withhold",
    owner_role="feed_owner",
    remedy="Read the quarantine, correct the source, and send the file again.",
)
