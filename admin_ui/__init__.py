"""Templates and static files of the console: data, read through importlib.resources, not imported."""
