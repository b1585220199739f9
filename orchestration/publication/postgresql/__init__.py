"""The current release as tables of a PostgreSQL schema, for BI tools; docs/decisions/0025 says why it is done this way.

target      where: a URL from the environment, or a server that comes with a package
session     one connection and its one transaction
content     what: the tables of a release, as this engine types them
difference  which rows changed since what the server holds
structure   tables, columns, keys, indexes, comments: as they are, and what must be done
dependents  views that others built on the tables
access      the role that BI tools get
record      what was written, by which release, and the stamp that tells a change by hand
publish     all of it in order
"""
