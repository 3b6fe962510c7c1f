"""From a request to a recorded result."""
