"""Several processes give what one gives: every step's loss, the gradient, the weights, and nobody waits for ever."""

import socket
from contextlib import nullcontext

import pytest
import torch

from tests.small_world import data_of, ending
from xstilts.config import Mixture
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.models.heads import build_head
from xstilts.tasks.formats import format_names
from xstilts.training import distributed
from xstilts.training.module import TaskModule

pytestmark = pytest.mark.slow
# 10 features of a batch of 4: an epoch's last step has 2, fewer than three processes, and 5 do not go into 2 or 3.
SHAPE = {"dropout": 0.0, "count": 10, "batch_size": 4, "steps": 6, "max_tokens": 100, "initializer_range": 0.2}
SHAPE["adam_epsilon"] = 1e-3  # the gradient of a key's bias is rounding alone, which must not become a step


def of_one_process(phase):
    return {name: tensor.clone() for name, tensor in phase.model.state_dict().items()}


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-4, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("format", format_names())
def test_several_processes_train_as_one(format, number, build, fit, in_processes):
    phase = build(format, **SHAPE)
    start = of_one_process(phase)
    expected = fit(phase)
    sizes = {len(phase.plan.step(step)[1]) for step in range(len(phase.plan))}
    assert min(sizes) < 4 == max(sizes), "no step of fewer examples"

    def work(rank):
        mine = build(format, **SHAPE)
        if rank == 0:
            mine.model.load_state_dict(start)  # the others have other weights, and get these
        else:
            torch.nn.init.ones_(next(mine.model.parameters()))
        recorder = fit(mine, devices=number)
        return recorder.losses, recorder.gradients, dict(mine.model.state_dict())

    found = in_processes(number, work)
    for losses, gradients, weights in found:
        assert losses == pytest.approx(expected.losses, rel=1e-5)
        assert gradients.keys() == expected.gradients.keys() and all(value is not None for value in gradients.values())
        assert_same(weights, of_one_process(phase))
        assert all(torch.equal(tensor, found[0][2][name]) for name, tensor in weights.items()), "replicas drifted apart"


def test_gradient_checkpointing_gives_the_same_bits_in_two_processes(build, fit, in_processes):
    """With dropout, which every process draws for itself."""

    def work(rank):
        phases = [build("classification", **SHAPE | {"dropout": 0.1}) for _ in range(2)]
        for phase in phases:
            phase.encoder.leave_padding_out()
        phases[1].encoder.checkpoint_layers()
        return [(fit(phase, devices=2).losses, dict(phase.model.state_dict())) for phase in phases]

    for (losses, weights), (others, other_weights) in in_processes(2, work):
        assert losses == others
        assert all(torch.equal(tensor, other_weights[name]) for name, tensor in weights.items())


def test_several_tasks_train_as_in_one_process(build, fit, in_processes):
    """A head whose task has no turn in a step stays as it is, in one process and in two."""

    def multitask():
        phases = [build(format, **SHAPE) for format in ("classification", "tagging", "retrieval")]
        encoder, first = phases[0].encoder, phases[0]
        torch.manual_seed(3)
        heads = {phase.task.name: build_head(phase.task, encoder, phase.model.hyperparameters) for phase in phases}
        plan = StepPlan(
            {phase.task.name: len(phase.features.features) for phase in phases}, 4, 1, max_steps=12, mixture=Mixture()
        )
        first.model = TaskModule(encoder, heads, first.model.hyperparameters, 1, 12)
        first.data = data_of(*(phase.features for phase in phases), plan=plan, max_tokens=100)
        return first

    one = multitask()
    expected = fit(one)

    def work(rank):
        mine = multitask()
        return fit(mine, devices=2).losses, dict(mine.model.state_dict())

    for losses, weights in in_processes(2, work):
        assert losses == pytest.approx(expected.losses, rel=1e-5)
        assert_same(weights, of_one_process(one))


@pytest.mark.parametrize(("format", "room"), [("classification", 60), ("retrieval", 120)])  # a pair has two rows
def test_memory_short_in_one_process_is_cut_smaller_in_all(format, room, build, fit, in_processes, short_of_memory):
    phase = build(format, **SHAPE | {"max_tokens": 400})
    expected = fit(phase)

    def work(rank):
        mine = build(format, **SHAPE | {"max_tokens": 400})
        if rank == 1:
            short_of_memory(mine, room)
        recorder = fit(mine, devices=2)
        return recorder.losses, dict(mine.model.state_dict()), recorder.loader.state_dict()

    for losses, weights, state in in_processes(2, work):
        assert losses == pytest.approx(expected.losses, rel=1e-5)
        assert_same(weights, of_one_process(phase))
        assert state["max_tokens"] is not None and state["max_tokens"] < 400


@pytest.mark.parametrize("reason", ["nan", "memory"])
def test_all_processes_stop_together(reason, build, fit, in_processes, short_of_memory):
    def work(rank):
        mine = build("classification", **SHAPE)
        if rank == 1 and reason == "nan":
            torch.nn.Module.register_forward_hook(mine.head, lambda module, inputs, output: output * float("nan"))
        elif rank == 1:
            short_of_memory(mine, 1)
        return ending(lambda: fit(mine, devices=2))

    told, other = in_processes(2, work)
    assert other == 2
    if reason == "nan":
        assert told.startswith("training diverged in step 1 of 6: loss nan, ")
    else:
        assert told.startswith("out of memory in step 1 of training with one example of ")


def test_rows_of_uneven_numbers_are_gathered(in_processes):
    def work(rank):
        torch.distributed.init_process_group("gloo")
        rows = torch.arange(rank * 6, dtype=torch.float32).view(rank, 3, 2)
        return (
            [part.tolist() for part in distributed.gathered(rows)],
            distributed.summed(rank + 0.5),
            distributed.largest([rank, -rank]),
        )

    for parts, total, most in in_processes(3, work):
        assert parts == [torch.arange(rank * 6.0).view(rank, 3, 2).tolist() for rank in range(3)]
        assert (total, most) == (4.5, [2, 0])


@pytest.mark.parametrize(
    ("address", "interface", "refused"),
    [
        ("127.0.1.1", "", True),  # Debian's /etc/hosts
        ("::1", "", True),
        (None, "", True),
        ("10.0.0.7", "", False),
        ("fe80::1%eth0", "", False),
        ("127.0.1.1", "eth0", False),
    ],
)
def test_a_node_that_others_cannot_reach_is_refused(address, interface, refused, monkeypatch):
    def found(host, port):
        if address is None:
            raise OSError("Name or service not known")
        return [(0, 0, 0, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu07")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", interface)
    with (
        pytest.raises(UserError, match=f"the address of gpu07 is {address or '127.0.0.1'} on gpu07 itself")
        if refused
        else nullcontext()
    ):
        distributed.check_address()
