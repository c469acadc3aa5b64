"""The power of a band before and after a separation, and what it would be had nothing of the signal been lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.kernels.power.transfer import Transfer
from tessellar.model import DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class BandCheck:
    """The power of a band before and after the separation.

    Attributes
    ----------
    before, after
        Power of the cube, and of the clean cube or, with halves, the cross power of the two clean halves.
    transfer
        What is left of a signal; None where none was injected.
    posterior
        Power of what the separation itself holds possible to be left of the foregrounds, or taken of the signal:
        added to ``after`` it makes up for its bias, where it is a posterior covariance. float64 array (k_par); None
        where the method knows none.
    leftover
        Power that is left of the foregrounds, as far as the eigenvalues of the cube tell, float64 array
        (k_par, k_perp); None where they tell of none.
    halves
        Whether ``after`` is the cross power of halves, with an error about the power of this very piece of sky.
    """

    before: CylindricalPower
    after: CylindricalPower
    transfer: Transfer | None = None
    posterior: DoubleArray | None = None
    leftover: DoubleArray | None = None
    halves: bool = False

    @property
    def corrected(self) -> CylindricalPower:
        """The power after the separation over the transfer function, with its error; NaN where a signal leaves nothing.

        The error has three parts beside that of the power: that of the transfer function; by how much what is left
        of the sky's own signal differs from it, which is sample variance: where the error of the power has all of
        that, it is in there already; and the foregrounds that are known to be left.
        """
        part, loss = np.ones_like(self.after.power), np.zeros_like(self.after.power)
        if self.transfer is not None:
            part = np.where(self.transfer.part > 0, self.transfer.part, np.nan)
            loss = np.hypot(self.transfer.error, self.transfer.scatter if self.halves else 0.0)
        with np.errstate(invalid="ignore"):
            power = self.after.power / part
            foregrounds = 0.0 if self.leftover is None else self.leftover / part
            sigma = np.sqrt((self.after.sigma / part) ** 2 + (power * loss) ** 2 + foregrounds**2)
        return replace(self.after, power=power, sigma=sigma)
