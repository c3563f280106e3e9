"""What it was measured on."""

import os
import platform
import re
from pathlib import Path

import torch


def machine() -> str:
    """Processor, cores that this process may use, memory, and the GPU if there is one."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*:\s*(.+)", told)
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = f", {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else ", no GPU"
    return f"{name.group(1) if name else platform.processor()}, {cores} cores, {memory:.0f} GiB{gpu}"
