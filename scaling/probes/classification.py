"""The probe of labels: multinomial logistic regression on mean frames (`linear.py`)."""

import torch

from scaling.data.labelled import Split
from scaling.data.tasks.task import Task
from scaling.probes.answers import Answers, Subject, answered, chosen
from scaling.probes.linear import logistic_probe


def logistic(task: Task, subject: Subject) -> Answers:
    """Fitted on the training clips, its strength chosen on validation clips (without any, by folds)."""
    train, val, test = (subject.labelled.split(task.name, split) for split in ("train", "val", "test"))
    names = sorted({*train.labels, *val.labels, *test.labels})
    number = {label: place for place, label in enumerate(names)}
    x = subject.embeddings.to(subject.device)

    def features(split: Split) -> torch.Tensor:
        return x[torch.tensor(split.places, device=x.device)]

    def answers(split: Split) -> torch.Tensor:
        return torch.tensor([number[label] for label in split.labels], device=x.device)

    probe = logistic_probe(
        features(train),
        answers(train),
        features(val) if val.ids else None,
        answers(val) if val.ids else None,
        features(test),
        len(names),
    )
    note = chosen(probe.l2, probe.on_edge) + ("" if probe.converged else ", did not converge")
    return answered(task, test, [names[answer] for answer in probe.answers.tolist()], note)
