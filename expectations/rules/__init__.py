"""One file per rule. A file `<id>_<slug>.py` that holds `RULE` is the whole of a rule; nothing lists them by hand."""
