"""The parts of ``benchmarks/peers.py``: the clips, the processes, and each tool."""
