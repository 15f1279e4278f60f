"""A text side trained on frozen frames: what the probes of retrieval and captioning share.

Both objectives' encoders are scored by the same text side: one from random weights, its vocabulary that of the task's
training captions, or public models that the task names (`public_text.py`). The encoder's frames are read from disk and
never change. Training is a fixed budget (`Budget`), AdamW, the rate rising over the first tenth and falling to 0 by a
cosine. Each pass draws one caption a clip. All randomness is a function of (seed, pass, clip), so that a training that
was interrupted goes on to the same bits.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from scaling.data.keyed import keyed_generator
from scaling.data.subwords import Subwords
from scaling.data.tasks.task import Task
from scaling.data.tokenizer import Tokenizer
from scaling.models.flops import counted
from scaling.models.tokens import PAD
from scaling.objectives.options import TextKind, most_tokens
from scaling.probes.answers import Subject
from scaling.probes.attention import Clips
from scaling.probes.public_text import PublicText
from scaling.probes.work import Work
from scaling.storage.files import local_copy, make_folder, replacing

DECAY = 0.05
WARMUP = 0.1
LONGEST = 64
"""Tokens of a caption; what is longer is cut."""
LAYERS, ATTENTION_HEADS = 1, 4
SEED = 0


@dataclass(frozen=True)
class Budget:
    """How long a text side is trained: `passes` over the pairs and at least `fewest` steps, of `batch` clips each; the
    highest `rate`, and that of what comes from public weights, which the other would make forget them.

    Those of the probes were chosen on validation clips of the embedded corpus: of four hundred pairs more steps learn
    the pairs by heart, and find fewer of others.
    """

    batch: int
    passes: int
    fewest: int
    rate: float
    public_rate: float


@dataclass(frozen=True)
class Pairs:
    """The captioned training clips of a task: clips by their places in frames, the captions of each, and the words of
    all."""

    budget: Budget
    clips: Clips
    captions: list[list[str]]
    tokenizer: Tokenizer | Subwords
    longest: int
    public: PublicText | None = None

    @classmethod
    def of(cls, task: Task, subject: Subject, kind: TextKind, budget: Budget) -> "Pairs":
        """Those of a task's training split, read by the public text model of this kind that the task names, if it names
        one."""
        assert subject.frames is not None
        train = subject.labelled.split(task.name, "train")
        captions = [subject.labelled.captions(place) for place in train.places.tolist()]
        every = [caption for some in captions for caption in some]
        name = task.text_encoder if kind == "encoder" else task.decoder
        public = PublicText.named(name, kind, every) if name else None
        tokenizer = public.tokenizer if public else Tokenizer.of_captions(every)
        read = [tokenizer.words_of(caption) for caption in every]
        longest = int(min(LONGEST, most_tokens(public.config if public else ""), 2 + max(map(len, read))))
        return cls(budget, Clips(subject.frames, train.places, subject.device), captions, tokenizer, longest, public)

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def steps(self) -> int:
        """How many of them the budget is."""
        pairs = sum(map(len, self.captions))
        return max(self.budget.fewest, self.budget.passes * math.ceil(pairs / self.budget.batch))

    def drawn(self, step: int) -> tuple[NDArray[np.int64], list[str]]:
        """Which clips a step trains on, each once, and a caption of each."""
        size = min(self.budget.batch, len(self))
        a_pass = len(self) // size
        epoch, at = divmod(step, a_pass)
        draw = keyed_generator("text side", SEED, epoch)
        rows = draw.permutation(len(self))[at * size : (at + 1) * size]
        which = draw.random(len(self))
        return rows, [self.captions[row][int(which[row] * len(self.captions[row]))] for row in rows.tolist()]

    def tokens(self, captions: list[str]) -> torch.Tensor:
        """int64 [captions, longest of them], padded."""
        rows = [torch.tensor(self.tokenizer.encode(caption, self.longest)) for caption in captions]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD).to(self.clips.device)

    @property
    def note(self) -> str:
        """What a reader of the scores must know of the training."""
        return f"{self.steps} steps, one probe seed" + (", from public text weights" if self.public else "")

    def digest(self, moments: tuple[torch.Tensor, torch.Tensor]) -> str:
        """What tells this training from any other: its words, its budget, and the frames that it hears."""
        read = self.tokenizer
        words = read.described() if isinstance(read, Subwords) else "\n".join(read.words)
        found = hashlib.blake2b(f"{words}{self.public.digest if self.public else ''}".encode(), digest_size=8)
        for one in moments:
            found.update(one.cpu().numpy().tobytes())
        return f"{found.hexdigest()} {self.budget} {self.steps}"


def seeded(make: Callable[[], nn.Module], *key: str) -> nn.Module:
    """A module whose random weights are a function of the key. It draws nothing, in training either."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(keyed_generator("text side", SEED, *key).integers(2**62)))
        return make().eval()


def trained(
    name: str,
    module: nn.Module,
    loss: Callable[[int], torch.Tensor],
    steps: int,
    digest: str,
    work: Work,
    rates: tuple[float, float],
    public: nn.Module | None = None,
) -> None:
    """Train `module` for so many steps, each of which `loss` gives the loss of; from what an earlier attempt has left
    under this name in the work's folder, if it is of the same training (`digest`). What it costs is added to the work's
    `flops`, whoever has done it. What is frozen in it stays as it is; `public`, a part of it, learns at the second of
    the highest `rates`."""
    slow = set() if public is None else set(public.parameters())
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    parts = [[one for one in learned if one not in slow], [one for one in learned if one in slow]]
    groups = [{"params": some, "peak": rate} for some, rate in zip(parts, rates, strict=True) if some]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY, betas=(0.9, 0.98), fused=True)
    work.flops.append(steps * _step_flops(module, loss))
    done = _resumed(name, module, optimizer, digest, work)
    for step in range(done, steps):
        rise, fall = min((step + 1) / (WARMUP * steps), 1.0), 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rise * fall
        optimizer.zero_grad(set_to_none=True)
        loss(step).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        work.after_step(lambda step=step: _save(name, module, optimizer, step + 1, digest, work))  # type: ignore[misc]
    if done < steps:
        _save(name, module, None, steps, digest, work)


def _step_flops(module: nn.Module, loss: Callable[[int], torch.Tensor]) -> float:
    """Of a first step, forward and backward."""
    found = counted(lambda: loss(0).backward())  # type: ignore[no-untyped-call]
    module.zero_grad(set_to_none=True)
    return found


def _save(
    name: str, module: nn.Module, optimizer: torch.optim.Optimizer | None, step: int, digest: str, work: Work
) -> None:
    if work.folder is None:
        return
    frozen = _frozen(module)
    state = {key: value for key, value in module.state_dict().items() if key not in frozen}
    tensors = {f"module/{key}": value.contiguous() for key, value in state.items()}
    if optimizer is not None:
        for key, parameter in module.named_parameters():
            for field, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{key}/{field}"] = value.contiguous()
    make_folder(work.folder)
    work.still_ours()
    with replacing(work.folder / f"{name}.safetensors") as temporary:
        save_file(tensors, temporary, {"step": str(step), "of": digest})


def _frozen(module: nn.Module) -> set[str]:
    """The parameters that are not trained: they are where the module came from."""
    return {key for key, parameter in module.named_parameters() if not parameter.requires_grad}


def _resumed(name: str, module: nn.Module, optimizer: torch.optim.Optimizer, digest: str, work: Work) -> int:
    """How many steps were done before, their weights and the optimizer's state restored; 0 where nothing usable is
    there."""
    if work.folder is None:
        return 0
    try:
        with local_copy(work.folder / f"{name}.safetensors") as local, safe_open(local, "pt") as saved:
            said = saved.metadata() or {}
            names = list(saved.keys()) if said.get("of") == digest else []
            tensors = {key: saved.get_tensor(key) for key in names}
    except (OSError, SafetensorError):
        return 0
    if not tensors:
        return 0
    state = {key.removeprefix("module/"): value for key, value in tensors.items() if key[0] == "m"}
    module.load_state_dict(state, strict=not _frozen(module))
    for key, parameter in module.named_parameters():
        there = [field for field in tensors if field.startswith(f"optimizer/{key}/")]
        if there:
            optimizer.state[parameter] = {
                field.rpartition("/")[2]: tensors[field].to(parameter.device if tensors[field].ndim else "cpu")
                for field in there
            }
    return int(said["step"])
