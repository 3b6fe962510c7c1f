"""The winner where it will live: latency and predictions."""
