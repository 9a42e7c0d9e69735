"""What people call a model."""

from app.training.names import model_name, name_with_id


def test_a_model_is_called_by_its_number_and_where_a_command_takes_the_run_by_both() -> None:
    assert model_name(2) == "Model 2"
    assert name_with_id(2, 12) == "Model 2 (run 12)"
