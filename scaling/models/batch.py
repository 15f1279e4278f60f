"""What networks are fed: made by `data.feed`, taken by objectives."""

import torch

Batch = dict[str, torch.Tensor]
"""The clips of a step: `features`, `lengths`, and `tokens` and `caption`, or `labels` (see `data.feed`)."""
