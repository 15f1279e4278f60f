"""Floating-point operations, counted."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop


def counted(work: Callable[[], object]) -> float:
    """The floating-point operations of all matrix products, convolutions and attention of what `work` does, backward
    passes in it too."""
    # The attention kernel of CPUs is missing from torch's table.
    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}
    counter = FlopCounterMode(display=False, custom_mapping=attention)
    with counter:
        work()
    return float(counter.get_total_flops())


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Of the shapes of query, key and value, as `FlopCounterMode` passes them."""
    flops: int = sdpa_flop(query, key, value)
    return flops
