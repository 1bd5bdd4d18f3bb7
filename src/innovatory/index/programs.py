"""Linear and mixed-integer programs, solved by HiGHS.

The one place that knows the solver. SciPy carries HiGHS too, but a version whose integer part
writes to standard output whatever it is told, and it does not let the tolerance of integer
programs be set: a proof needs nine digits, not six.
"""

from __future__ import annotations

import highspy
import numpy as np
import numpy.typing as npt

from innovatory.errors import MethodError

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-9


class Program:
    """Conditions on x (n,): row_low <= rows @ x <= row_high and low <= x <= high.

    `rows` is (m, n), the others (m,) and (n,); the last `integers` of x are whole numbers. The
    conditions are handed over once, and the next aim starts from where the last one ended.

    >>> square = Program(np.array([[1.0, 1.0]]), np.array([-np.inf]), np.array([1.5]),
    ...                  low=np.zeros(2), high=np.ones(2))
    >>> square.most(np.array([2.0, 1.0])).tolist()
    [1.0, 0.5]
    """

    def __init__(
        self,
        rows: Array,
        row_low: Array,
        row_high: Array,
        *,
        low: Array,
        high: Array,
        integers: int = 0,
    ) -> None:
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (
            ("output_flag", False),
            # With one thread the same program gives the same weights at every run.
            ("threads", 1),
            ("primal_feasibility_tolerance", TOLERANCE),
            ("dual_feasibility_tolerance", TOLERANCE),
            ("mip_feasibility_tolerance", TOLERANCE),
            ("mip_rel_gap", 0.0),
        ):
            self._solver.setOptionValue(option, value)
        self._count = len(low)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self._count, len(rows)
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = np.zeros(self._count)
        model.col_lower_, model.col_upper_ = low, high
        model.row_lower_, model.row_upper_ = row_low, row_high
        there = rows != 0
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.concatenate([[0], np.cumsum(there.sum(1))]).astype(np.int32)
        model.a_matrix_.index_ = np.nonzero(there)[1].astype(np.int32)
        model.a_matrix_.value_ = rows[there]
        if integers:
            kinds = [highspy.HighsVarType.kContinuous] * (self._count - integers)
            model.integrality_ = kinds + [highspy.HighsVarType.kInteger] * integers
        self._solver.passModel(model)

    def most(self, aim: Array) -> Array | None:
        """The x (n,) with the greatest aim (n,) @ x; None where nothing meets the conditions.

        Raises MethodError where there is no greatest one, or the solver gives up.
        """
        self._solver.changeColsCost(self._count, np.arange(self._count, dtype=np.int32), aim)
        self._solver.run()
        status = self._solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise MethodError(
                f"a program with {self._count} unknowns has no solution "
                f"({self._solver.modelStatusToString(status)}): check the values for numbers of "
                "very different size"
            )
        return np.array(self._solver.getSolution().col_value)
