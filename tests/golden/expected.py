"""What must be published from the golden company as of 2026-02-15, computed by hand.

The cycle runs from 1 January to 31 March: 45 of 89 days have gone, so 0.505618 of the way is expected.
Thresholds of `pace_gap`: 0.10 behind is still on track, 0.25 still at risk.
"""

from __future__ import annotations

ELAPSED = 45 / 89

SCORECARD = {
    # latency on day 45 is 20 - 0.05 * 45 + 3 = 20.75; (20.75 - 20) / (15 - 20)
    "kr_latency": {"status": "off_track", "progress_raw": -0.15, "progress": 0.0, "expected_progress": ELAPSED},
    # mean of the last seven days, 139 to 145, is 142; (142 - 100) / 50
    "kr_orders": {"status": "on_track", "progress_raw": 0.84, "progress": 0.84, "expected_progress": ELAPSED},
    # 0.75 * (0.19 - 0.1) / 0.2 + 0.25 * (0.145 - 0.1) / 0.2
    "kr_portal": {"status": "at_risk", "progress_raw": 0.39375, "progress": 0.39375, "expected_progress": ELAPSED},
    # six percent on every tenth day, four otherwise: 42 of 46 days at or below five percent; all are expected
    "kr_quality": {"status": "on_track", "progress_raw": 42 / 46, "progress": 42 / 46, "expected_progress": 1.0},
    # milestones of weight 1 and 3 done, of weight 1 open
    "kr_launch": {"status": "on_track", "progress_raw": 0.8, "progress": 0.8, "expected_progress": ELAPSED},
}

MAIN_KPI = {
    "kr_latency": ("latency", "Head of Operations"),
    "kr_orders": ("orders", "Lead of Order Desk"),
    "kr_portal": ("portal_share", "Head of Product"),
    "kr_quality": ("defect_share", "Head of Product"),
    "kr_launch": ("latency", "Head of Operations"),
}
