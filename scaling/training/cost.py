"""What a run took."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What training took, over all attempts; zeros for a reference, which is not trained.

    Attributes:
        wall_seconds: of them `feed_wait_seconds` were spent waiting for batches.
        parameters: of all that was trained; `encoder_parameters` of the encoder alone.
        flops: floating-point operations of the run's own training, forward and backward: of the encoder and of all that
            its objective trains beside it. Those of probes, text sides among them, are not in it.
        holdout_loss: on the fixed holdout, at the end.
        weights: a digest of the final weights.
    """

    samples_seen: int = 0
    epochs: float = 0.0
    wall_seconds: float = 0.0
    feed_wait_seconds: float = 0.0
    parameters: int = 0
    encoder_parameters: int = 0
    flops: float = 0.0
    holdout_loss: float | None = None
    weights: str = ""
