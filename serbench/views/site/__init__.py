"""The static site of a database: pages that open from a disk, rendered from the views."""
