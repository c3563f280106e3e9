"""Communication between the processes of a training, whose replicas of the model are equal before and after each step.

Each process computes its share of a step alone. Then all sum their gradients once, over exactly the parameters that the step's
task trains. (DistributedDataParallel synchronises during the last backward pass: a process that is out of memory would leave the
others waiting for ever, and the heads of other tasks have no gradient.) All other values are exchanged over the CPU.

Legend: N rows of all processes.
"""

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator
from typing import NoReturn, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, distributed
from torch.nn import Parameter, functional

from xstilts.errors import UserError

Item = TypeVar("Item")
BUCKET = 1 << 23
"""Elements that are sent together; a larger matrix is sent alone, without a copy."""


class ManualDDPStrategy(DDPStrategy):
    """Lightning's DDP strategy without DistributedDataParallel: the TaskModule sums the gradients."""

    def __init__(self) -> None:
        super().__init__(process_group_backend="cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")

    def configure_ddp(self) -> None:
        """Copy the weights of the first process to all others."""
        assert isinstance(self.model, pl.LightningModule)
        with torch.no_grad():
            for tensor in (*self.model.parameters(), *self.model.buffers()):
                distributed.broadcast(tensor, 0)


def check_address() -> None:
    """UserError if gloo would give processes on other nodes an address of this host that only the host itself can reach.

    Like gloo without GLOO_SOCKET_IFNAME, it takes the address of the host's name, and a loopback address for an unknown name.
    """
    if os.environ.get("GLOO_SOCKET_IFNAME"):
        return
    host, address = socket.gethostname(), "127.0.0.1"
    with contextlib.suppress(OSError):
        address = str(socket.getaddrinfo(host, None)[0][4][0])
    if ipaddress.ip_address(address).is_loopback:
        raise UserError(
            f"the address of {host} is {address} on {host} itself, expected one that other nodes can reach: name the network "
            "interface, for instance \"hydra.launcher.setup=['export GLOO_SOCKET_IFNAME=eth0']\""
        )


def count() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def summed(number: float) -> float:
    """The sum over all processes."""
    if count() == 1:
        return number
    total = torch.tensor(number, dtype=torch.float64)
    distributed.all_reduce(total)
    return total.item()


def largest(numbers: list[int]) -> list[int]:
    """The largest value of each number over all processes."""
    if count() == 1:
        return numbers
    values = torch.tensor(numbers)
    distributed.all_reduce(values, distributed.ReduceOp.MAX)
    return values.tolist()


def sum_gradients(parameters: Iterable[Parameter]) -> None:
    """Replace every gradient by its sum over all processes; all must have gradients of the same parameters."""
    if count() == 1:
        return
    for bucket in _buckets([parameter.grad for parameter in parameters if parameter.grad is not None]):
        if len(bucket) == 1 and bucket[0].is_contiguous():
            distributed.all_reduce(bucket[0])
            continue
        flat = torch.cat([gradient.flatten() for gradient in bucket])
        distributed.all_reduce(flat)
        for gradient, part in zip(bucket, torch.split(flat, [gradient.numel() for gradient in bucket]), strict=True):
            gradient.copy_(part.view_as(gradient))


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and (gradient.dtype != bucket[0].dtype or sum(one.numel() for one in bucket) + gradient.numel() > BUCKET):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


def gathered(rows: Tensor) -> list[Tensor]:
    """The rows of every process, in the order of the processes; their numbers may differ. Without gradient."""
    if count() == 1:
        return [rows]
    numbers = [0] * count()
    distributed.all_gather_object(numbers, len(rows))
    padding = [0, 0] * (rows.dim() - 1) + [0, max(numbers) - len(rows)]
    padded = functional.pad(rows, padding).contiguous()
    parts = [torch.empty_like(padded) for _ in numbers]
    distributed.all_gather(parts, padded)
    return [part[:number] for part, number in zip(parts, numbers, strict=True)]


def gathered_objects(items: list[Item]) -> list[Item]:
    """The items of every process, in the order of the processes."""
    if count() == 1:
        return items
    parts: list[list[Item]] = [[] for _ in range(count())]
    distributed.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def stop(error: UserError) -> NoReturn:
    """End all processes; all must call this. The first raises `error`, the others exit silently.

    The others wait for the end of the first: if one of them dies before, Lightning kills the first before its message is shown.
    """
    if rank() == 0:
        raise error
    with contextlib.suppress(RuntimeError):
        distributed.barrier()
    raise SystemExit(2)
