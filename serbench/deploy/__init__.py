"""The use of trained networks: latency and predictions."""
