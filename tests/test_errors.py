from xstilts.errors import causes
from xstilts.store.files import disk_full


def test_causes_come_once_even_in_a_ring() -> None:
    first, second = KeyError("first"), ValueError("second")
    first.__cause__, second.__context__ = second, first
    assert list(causes(first)) == [first, second]
    assert list(causes(None)) == []
    itself = KeyError("itself")
    itself.__cause__ = itself
    assert list(causes(itself)) == [itself]
    assert disk_full(itself) is None
