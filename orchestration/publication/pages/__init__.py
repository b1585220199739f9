"""The pages of the governance site: from a review to sentences and tables. No markup, no I/O, one module per page.

A page of its own: a module with a function that returns a `Page`, called in `site.py`. A part of a subject's page (a
rule, a unit, a person, a key result, a KPI): a function that returns a `Section`.
"""
