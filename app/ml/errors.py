"""What can go wrong with images, weights, checkpoints and training, in words for the person who started it."""

from app.errors import Cancelled, Invalid, ToplossError


class WeightsUnavailable(Invalid):
    """The weights that a training should start from cannot be had; the message says what to do."""

    code = "weights_unavailable"


class CheckpointError(ToplossError):
    """A checkpoint is missing, damaged, or belongs to something else."""

    code = "checkpoint"


class TrainingStopped(Cancelled):
    """A training was asked to stop; its last finished epoch is in its folder and it can go on from there."""

    code = "training_stopped"


class TrainingFailed(ToplossError):
    """A training cannot go on, for instance because its loss is no longer a number."""

    code = "training_failed"


class ImageUnreadable(Invalid):
    """One image cannot be decoded. `position` is its row."""

    code = "image_unreadable"

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"Image {position} cannot be read: {reason}")
        self.position = position
        self.reason = reason
