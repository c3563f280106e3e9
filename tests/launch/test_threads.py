"""Threads for a worker: as many as cores that it may use and that are free, whatever says so."""

import os
from dataclasses import dataclass, field

import pytest

from xstilts.config import TrainerConfig
from xstilts.launch import threads


@dataclass
class Machine:
    """A machine of files: its CPUs, in pairs on a core if `hyperthreads`, and the share of each that others use."""

    root: object
    cpus: int = 8
    hyperthreads: bool = False
    used: dict[int, float] = field(default_factory=dict)
    now: float = 100.0

    def write(self):
        lines = ["cpu  9 9 9 9 9"]
        for cpu in range(self.cpus):
            idle = round(100 * self.now * (1 - self.used.get(cpu, 0.0)))
            lines.append(f"cpu{cpu} 5 0 5 {idle - idle // 10} {idle // 10} 0 0 0 0 0")
            siblings = self.root / "cpus" / f"cpu{cpu}" / "topology" / "thread_siblings_list"
            siblings.parent.mkdir(parents=True, exist_ok=True)
            siblings.write_text(f"{cpu - cpu % 2}-{cpu - cpu % 2 + 1}" if self.hyperthreads else str(cpu))
        (self.root / "proc" / "self").mkdir(parents=True, exist_ok=True)
        (self.root / "proc" / "stat").write_text("\n".join([*lines, "intr 1 2 3"]))

    def sleep(self, seconds):
        self.now += seconds
        self.write()

    def limit(self, group, files, at="0::"):
        """Put this process into a control group, whose folder has these files."""
        (self.root / "proc" / "self" / "cgroup").write_text(f"9:name=systemd:/\n{at}/{group}\n")
        folder = self.root / "cgroup" / ("" if at == "0::" else "cpu") / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)
    for name, folder in {"PROC": "proc", "CGROUPS": "cgroup", "CPUS": "cpus"}.items():
        monkeypatch.setattr(threads, name, tmp_path / folder)
    monkeypatch.setattr(threads.time, "sleep", made.sleep)
    monkeypatch.setattr(threads.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(made.cpus)), raising=False)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    made.write()
    return made


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ({}, 8),
        ({0: 0.3}, 8),
        ({0: 0.7}, 7),
        ({0: 1.0, 5: 1.0, 6: 0.9}, 5),
        (dict.fromkeys(range(8), 1.0), 1),
    ],
)
def test_cores_that_others_use_are_left_to_them(used, expected, machine):
    machine.used = used
    machine.write()
    assert threads.free_cores() == expected


def test_two_hyperthreads_are_one_core_and_other_cpus_do_not_count(machine, monkeypatch):
    machine.hyperthreads = True
    machine.write()
    assert threads.free_cores() == 4
    machine.used = {0: 1.0, 6: 1.0, 7: 1.0}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    machine.write()
    assert threads.free_cores() == 1


@pytest.mark.parametrize(
    ("files", "at", "expected"),
    [
        ({"cpu.max": "max 100000"}, "0::", 8),
        ({"cpu.max": "250000 100000"}, "0::", 2),
        ({"cpu.max": "20000 100000"}, "0::", 1),
        ({"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:", 3),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:", 8),
        ({}, "0::", 8),
    ],
)
def test_the_quota_of_a_control_group(files, at, expected, machine):
    machine.limit("job", files, at)
    assert threads.free_cores() == expected
    machine.limit("job/step", {}, at)
    assert threads.free_cores() == expected, "that of the group above"
    assert threads.share(4) == {threads.VARIABLE: str(max(1, expected // 4))}


def test_the_number_typed_then_the_variable_then_the_cores(machine, monkeypatch, tmp_path):
    assert threads.environment(TrainerConfig(), tmp_path) == {threads.VARIABLE: "8"}
    (tmp_path / threads.THREADS).unlink()
    assert threads.environment(TrainerConfig(devices=3), tmp_path) == {threads.VARIABLE: "2"}, "for each rank"
    assert threads.share(1) == {} and threads.share(3) == {threads.VARIABLE: "2"}
    monkeypatch.setenv(threads.VARIABLE, "5")
    assert threads.environment(TrainerConfig(), tmp_path) == threads.share(3) == {}
    assert threads.environment(TrainerConfig(num_threads=3), tmp_path) == {threads.VARIABLE: "3"}


def test_a_job_goes_on_with_the_threads_that_it_began_with(machine, tmp_path):
    assert threads.environment(TrainerConfig(), tmp_path) == {threads.VARIABLE: "8"}
    machine.used = dict.fromkeys(range(8), 1.0)
    machine.write()
    assert threads.environment(TrainerConfig(), tmp_path) == {threads.VARIABLE: "8"}
    (tmp_path / threads.THREADS).write_text("damaged")
    assert threads.environment(TrainerConfig(), tmp_path) == {threads.VARIABLE: "1"}


def test_this_machine():
    assert 1 <= threads.free_cores() <= len(os.sched_getaffinity(0))
