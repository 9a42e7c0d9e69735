"""Errors of images, weights, checkpoints and training, in words for the person who started it."""

from app.errors import Cancelled, Invalid, ToplossError


class WeightsUnavailable(Invalid):
    """The start weights of a training are not available; the message says what to do."""

    code = "weights_unavailable"


class CheckpointError(ToplossError):
    """A checkpoint is missing, damaged, or belongs to another training."""

    code = "checkpoint"


class TrainingStopped(Cancelled):
    """A training was stopped; its last finished epoch is in its folder, so it can be resumed."""

    code = "training_stopped"


class TrainingFailed(ToplossError):
    """A training cannot continue, for instance because its loss is no longer a number."""

    code = "training_failed"


class ImageUnreadable(Invalid):
    """One image cannot be decoded. `position` is its row."""

    code = "image_unreadable"

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"Image {position} cannot be read: {reason}")
        self.position = position
        self.reason = reason
