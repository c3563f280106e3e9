import pandas as pd

from xstilts.reporting.analysis import EFFECTS
from xstilts.reporting.prediction_tables import calibration_table


def test_without_calibration_errors_there_is_no_table() -> None:
    assert calibration_table(pd.DataFrame([], columns=EFFECTS)) is None
