import signal
import threading
from pathlib import Path

import pytest

from xstilts import signals
from xstilts.signals import STOP_SIGNALS
from xstilts.training.callbacks.graceful_stop import GracefulStop


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_is_noted_in_the_body_and_not_afterwards(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "received", [])
    heard: list[int] = []
    before = {one: signal.signal(one, lambda got, frame: heard.append(got)) for one in STOP_SIGNALS}
    try:
        stop = GracefulStop(tmp_path / "last.ckpt", total_steps=9)
        with stop.listening():
            signal.raise_signal(number)
        assert (stop.received, signals.received, heard) == (number, [number], [])
        signal.raise_signal(number)
        assert heard == [number]
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_in_another_thread_the_signals_stay_as_they_are(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    seen = []

    def listen() -> None:
        with GracefulStop(tmp_path / "last.ckpt", total_steps=9).listening():
            seen.extend(signal.getsignal(number) for number in STOP_SIGNALS)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == before
