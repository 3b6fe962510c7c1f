"""Facts of an exported file."""

from serbench.deploy.model_file import ModelFacts

FACTS = ModelFacts(
    entry=7,
    system="homebrew, pooled, linear",
    emotions=("anger", "fear", "calm"),
    sample_rate=8_000,
    samples=2_000,
    level="rms",
    channel="left",
    temperature=1.7,
    runtime="onnx",
    precision="fp32",
    weights_sha256="ab" * 32,
    dataset="mine",
    protocol_id="speaker-5#12345678",
    evidence="selection-corrected CV",
    uar=0.75,
    uar_ci=(0.5, 0.875),
    outside=(),
    version="0.1.0",
)
