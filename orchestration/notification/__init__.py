"""Telling people what waits for them: one digest for each person who is asked, and whoever runs this when it fails."""
