"""One function a command: unpacks the config, runs the steps, reports progress."""
