import signal
import threading
from pathlib import Path

import pytest

from xstilts.models.stopping import STOPS, PoliteStop


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_is_noted_while_it_listens_and_not_afterwards(number: signal.Signals, tmp_path: Path) -> None:
    heard: list[int] = []
    before = {one: signal.signal(one, lambda got, frame: heard.append(got)) for one in STOPS}
    try:
        stop = PoliteStop(tmp_path / "last.ckpt", total_steps=9)
        with stop.listening():
            signal.raise_signal(number)
        assert (stop.told, heard) == (number, [])
        signal.raise_signal(number)
        assert heard == [number]
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_in_another_thread_the_signals_stay_as_they_are(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in STOPS]
    seen = []

    def listen() -> None:
        with PoliteStop(tmp_path / "last.ckpt", total_steps=9).listening():
            seen.extend(signal.getsignal(number) for number in STOPS)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == before
