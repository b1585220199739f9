"""What must be true: the rule catalogue and its suites. How a rule is run is the business of `orchestration.audit`."""
