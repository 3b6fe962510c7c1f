"""serbench: a benchmarking harness for speech emotion recognition.

A plugin needs one thing from here, the marker of its hooks::

    from serbench import hookimpl

    @hookimpl
    def register_backbones(register):
        register(MyBackbone())
"""

import pluggy

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("serbench")
