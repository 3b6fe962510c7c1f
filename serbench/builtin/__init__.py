"""Built-in plugins, which use the same interfaces as all others."""
