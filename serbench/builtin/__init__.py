"""Built-in plugins: ordinary plugins that happen to be in this package."""
