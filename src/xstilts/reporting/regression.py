"""Regression of a score or gain on a property of languages, or of sets of languages, such as a distance.

Units (languages, sets, sizes) are the sample: another run of the same seven languages adds little about distance. So every unit
counts once, with its mean over runs; runs that lack units are adjusted by least squares.

Languages of one family are not independent (Naroll 1965; Roberts and Winters 2013). So each family has a random level of its own:

    mean of unit u = a + b * predictor of u + level of its family + deviation of u

The ratio of the two variances is estimated by restricted maximum likelihood (REML), a and b by generalized least squares. With a
handful of families the estimates are not normal: the covariance of a and b and the degrees of freedom are those that Kenward and
Roger (1997) derive for few groups. Without families, or if each unit is a family, this is the ordinary regression.

Shapes: R runs, U units, K variance components.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.reporting.statistics import LEVEL

Array = NDArray[np.float64]
FEWEST = 4
"""The smallest number of units for a regression."""
_RATIOS = np.array([0.0, *np.geomspace(0.01, 100, 100)])
"""Ratios of the variance between families to that of the units' deviations, from which REML takes the best.

They are limited, as otherwise two languages of one family that happen to be alike would decide the slope alone.
"""


@dataclass(frozen=True)
class Regression:
    """A regression line: percentage points that one unit of the predictor adds to a score or gain."""

    slope: float
    slope_error: float
    """Standard error."""
    slope_freedom: float
    """Degrees of freedom of its t distribution."""
    middle: tuple[float, float]
    """A point of the line (predictor, value) whose error is independent of the slope's."""
    middle_error: float
    """Standard error of the value at that point."""
    middle_freedom: float
    points: tuple[tuple[float, float], ...]
    """Predictor and mean value of each unit."""
    families: int
    """Number of families with a level of their own; 0 if that of the units is all that is estimated."""
    observations: int
    family_sd: float
    """Standard deviation between families; NaN if it is not estimated."""
    unit_sd: float
    """Standard deviation of units from the line and their family; NaN with one run, which does not separate it from the rest."""
    rest_sd: float

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.points)

    @property
    def low(self) -> float:
        """Lower end of the slope's 95 % interval."""
        return self.slope - _quantile(self.slope_freedom) * self.slope_error

    @property
    def high(self) -> float:
        """Upper end of the slope's 95 % interval."""
        return self.slope + _quantile(self.slope_freedom) * self.slope_error

    @property
    def p(self) -> float:
        """Two-sided p-value of slope 0; not corrected for the number of regressions."""
        from scipy.special import stdtr

        if self.slope_error == 0.0:
            return float(self.slope == 0.0)
        return 2 * float(stdtr(self.slope_freedom, -abs(self.slope) / self.slope_error))

    def at(self, predictor: ArrayLike) -> Array:
        """Return the mean value at some values of the predictor."""
        return self.middle[1] + self.slope * (np.asarray(predictor) - self.middle[0])

    def band(self, predictor: ArrayLike) -> tuple[Array, Array]:
        """Return the ends of the 95 % interval of that mean, for other units of the same kind."""
        of_middle = _quantile(self.middle_freedom) * self.middle_error
        of_slope = _quantile(self.slope_freedom) * self.slope_error * (np.asarray(predictor) - self.middle[0])
        reach = np.hypot(of_middle, of_slope)
        return self.at(predictor) - reach, self.at(predictor) + reach


def regress(values: ArrayLike, predictor: ArrayLike, families_U: Sequence[str] | None = None) -> Regression | None:
    """Regress values [R, U] (percent or percentage points; NaN where a run lacks a unit) on a predictor of the units [U].

    `families_U` names each unit's family; None if units have none. None for fewer than FEWEST units with values, and if all of
    them have the same predictor.
    """
    values_RU, predictor_U = np.asarray(values, dtype=np.float64), np.asarray(predictor, dtype=np.float64)
    kept_U = ~np.isnan(values_RU).all(axis=0) & ~np.isnan(predictor_U)
    values_RU, predictor_U = values_RU[:, kept_U], predictor_U[kept_U]
    values_RU = values_RU[~np.isnan(values_RU).all(axis=1)]
    runs, units = values_RU.shape
    if units < FEWEST or np.ptp(predictor_U) == 0:
        return None
    mean_U, rest_variance = _means(values_RU)
    centre = float(mean_U.mean())
    deviation_U = np.round(mean_U - centre, 9)  # values that are equal but for rounding have no slope
    names, family_U = np.unique(np.arange(units) if families_U is None else np.asarray(families_U)[kept_U], return_inverse=True)
    same_UU = (family_U[:, None] == family_U).astype(np.float64)
    design_U2 = np.stack([np.ones(units), predictor_U - predictor_U.mean()], axis=1)
    ratio, variance = _variances(deviation_U, design_U2, same_UU)
    estimate, covariance, freedom = _line(deviation_U, design_U2, same_UU, ratio)
    away = -float(covariance[0, 1] / covariance[1, 1])
    several = runs > 1
    return Regression(
        slope=float(estimate[1]),
        slope_error=math.sqrt(variance * covariance[1, 1]),
        slope_freedom=freedom(np.array([0.0, 1.0])),
        middle=(float(predictor_U.mean()) + away, centre + float(estimate[0] + away * estimate[1])),
        middle_error=math.sqrt(variance * (covariance[0, 0] + away * covariance[0, 1])),
        middle_freedom=freedom(np.array([1.0, away])),
        points=tuple(zip(predictor_U.tolist(), mean_U.tolist(), strict=True)),
        families=0 if ratio is None else len(names),
        observations=int((~np.isnan(values_RU)).sum()),
        family_sd=math.nan if ratio is None else math.sqrt(ratio * variance),
        unit_sd=math.sqrt(max(variance - rest_variance / runs, 0.0)) if several else math.nan,
        rest_sd=math.sqrt(rest_variance if several else variance),
    )


def _means(values_RU: Array) -> tuple[Array, float]:
    """Return each unit's mean over runs, adjusted for units that runs lack, and the variance of the rest; NaN with one run."""
    known_RU = (~np.isnan(values_RU)).astype(np.float64)
    values_RU, count_R = np.nan_to_num(values_RU), known_RU.sum(axis=1)
    # Normal equations of value = run + unit, without the runs.
    own_UU = np.diag(known_RU.sum(axis=0)) - known_RU.T @ (known_RU / count_R[:, None])
    unit_U = np.linalg.pinv(own_UU, hermitian=True) @ (values_RU - known_RU * (values_RU.sum(axis=1) / count_R)[:, None]).sum(
        axis=0
    )
    run_R = (values_RU.sum(axis=1) - known_RU @ unit_U) / count_R
    square = float((((values_RU - run_R[:, None] - unit_U) * known_RU) ** 2).sum())
    freedom = int(known_RU.sum()) - len(run_R) - len(unit_U) + 1
    return run_R.mean() + unit_U, square / freedom if freedom else math.nan


def _variances(value_U: Array, design_U2: Array, same_UU: Array) -> tuple[float | None, float]:
    """Estimate by REML the ratio of the variance between families to that of units, and the latter.

    The ratio is None if the units' families give no information about it, for instance if each unit is a family.
    """
    orthogonal_UU = np.linalg.qr(design_U2, mode="complete")[0]
    rest_U = orthogonal_UU[:, 2:]
    # In these coordinates the deviations from the line are independent, with variances 1 + ratio * weight.
    weight_D, rotation_DD = np.linalg.eigh(rest_U.T @ same_UU @ rest_U)
    square_D = (rotation_DD.T @ rest_U.T @ value_U) ** 2
    if np.ptp(weight_D) < 1e-9:
        return None, float(square_D.mean())
    scale_ND = 1 + _RATIOS[:, None] * np.maximum(weight_D, 0.0)
    variance_N = (square_D / scale_ND).mean(axis=1)
    with np.errstate(divide="ignore"):  # an exact line has the variance 0
        best = int(np.argmin(len(square_D) * np.log(variance_N) + np.log(scale_ND).sum(axis=1)))
    return float(_RATIOS[best]), float(variance_N[best])


def _line(value_U: Array, design_U2: Array, same_UU: Array, ratio: float | None) -> tuple[Array, Array, Callable[[Array], float]]:
    """Return intercept and slope, their covariance for a unit variance of 1, and a function that gives degrees of freedom.

    Covariance and degrees of freedom (of a combination of intercept and slope) after Kenward and Roger (1997).
    """
    components_KUU = np.stack([np.eye(len(value_U)), *([] if ratio is None else [same_UU])])
    precision_UU = np.linalg.inv(components_KUU[0] + (ratio or 0.0) * same_UU)
    weighted_U2 = precision_UU @ design_U2
    plain_22 = np.linalg.inv(design_U2.T @ weighted_U2)
    residual_UU = precision_UU - weighted_U2 @ plain_22 @ weighted_U2.T
    moved_KUU = residual_UU @ components_KUU
    scatter_KK = np.linalg.pinv(0.5 * np.einsum("kab,lba->kl", moved_KUU, moved_KUU))
    turned_KU2 = components_KUU @ weighted_U2
    first_K22 = weighted_U2.T @ turned_KU2
    second_KK22 = np.einsum("kai,ab,lbj->klij", turned_KU2, precision_UU, turned_KU2, optimize=True)
    extra_KK22 = second_KK22 - np.einsum("kij,jm,lmn->klin", first_K22, plain_22, first_K22)
    covariance_22 = plain_22 + 2 * plain_22 @ np.einsum("kl,klij->ij", scatter_KK, extra_KK22) @ plain_22

    def freedom(combination_2: Array) -> float:
        direction_2 = plain_22 @ combination_2
        gradient_K = np.einsum("i,kij,j->k", direction_2, first_K22, direction_2)
        return max(float(2 * (combination_2 @ direction_2) ** 2 / (gradient_K @ scatter_KK @ gradient_K)), 1.0)

    return plain_22 @ weighted_U2.T @ value_U, covariance_22, freedom


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
