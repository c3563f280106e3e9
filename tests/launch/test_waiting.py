"""Waiting for jobs whose queue answers, is silent, or has forgotten them. With a real SLURM: tests/integration/test_slurm.py."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from submitit.core.utils import JobPaths

from xstilts.launch import waiting


class Job:
    """A job of submitit as far as it concerns who waits for it."""

    def __init__(self, folder: Path, job_id: str) -> None:
        self.job_id, self.paths = job_id, JobPaths(folder, job_id, 0)

    def task(self, number: int) -> "Job":
        return self

    def finish(self) -> None:
        self.paths.result_pickle.touch()


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    monkeypatch.setattr(waiting, "LOOK_S", 0.0)
    return [Job(tmp_path, f"7_{number}") for number in range(3)]


def test_a_job_that_is_gone_is_not_waited_for_and_one_in_the_queue_is(jobs: list[Job]) -> None:
    asked: list[list[str]] = []

    def known(some: Sequence[Any]) -> Collection[str]:
        asked.append([job.job_id for job in some])
        if len(asked) == 6:
            jobs[2].finish()
        return {"7_2", "9_9"}

    jobs[1].finish()
    assert list(waiting.finished(jobs, known, ask_s=0)) == [1, 0, 2]
    assert asked[0] == ["7_0", "7_2"] and asked[-1] == ["7_2"]
    assert len(asked[: asked.index(["7_2"])]) == waiting.LOST_AFTER


def test_a_queue_that_does_not_answer_makes_no_job_lost(jobs: list[Job]) -> None:
    answers = iter([set(), set(), None, None, None, None, {"7_0"}, set(), set()])

    def known(some: Sequence[Any]) -> Collection[str] | None:
        if (answer := next(answers, "over")) == "over":
            some[0].finish()
            return set()
        return answer

    assert list(waiting.finished(jobs[:1], known, ask_s=0)) == [0]
    assert waiting.has_result(jobs[0])


def test_without_slurm_there_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert waiting.queue_of_slurm([]) is None
    assert waiting.state_in_slurm("7") == ""
