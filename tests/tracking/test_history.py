"""A second attempt carries on the curves of the first."""

from xstilts.tracking.history import STEP, History


def test_rows_outlive_the_process_and_are_not_doubled(tmp_path):
    path = tmp_path / "wandb" / "run.history.jsonl"
    first = History(path)
    assert all(first.add({STEP: step, "loss": 1.0}) for step in range(6))
    with path.open("a") as file:
        file.write('{"trainer/global_step": 6, "lo')  # killed while it wrote

    second = History(path)
    assert [row[STEP] for row in second.rows] == list(range(6))
    assert [second.add({STEP: step, "loss": 1.0}) for step in range(4, 8)] == [False, False, True, True]
    assert second.add({STEP: 4, "validation/score": 0.5})  # of a step that was known in part
    second.forget()
    assert History(path).rows == []
