"""Planning and cadence: a plan judged before it is committed, and a cycle's scores written down when it closes."""
