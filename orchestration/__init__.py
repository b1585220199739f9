"""Line of Sight: the Dagster code location and everything it calls."""
