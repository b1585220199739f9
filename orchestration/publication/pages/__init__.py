"""The pages of the governance site: from a review to sentences and tables. No markup, no I/O, one module per page."""
