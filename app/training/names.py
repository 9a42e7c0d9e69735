"""What people call a model. Only pages, answers and commands for people use it; scripts use the run's id."""


def model_name(number: int) -> str:
    """By its number within its data set: “Model 2”."""
    return f"Model {number}"


def name_with_id(number: int, run_id: int) -> str:
    """The same with the id that commands and addresses take: “Model 2 (run 12)”."""
    return f"{model_name(number)} (run {run_id})"
