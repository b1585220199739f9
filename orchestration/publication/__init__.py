"""Releases and everything a reader opens: files, the governance site, and later databases and BI tools."""
