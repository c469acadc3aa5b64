"""How well a separation went, in the space of wave numbers: power before and after, and what it takes of a signal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from tessellar.engine.cube_output import scratch_sink
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.foregrounds.injected import BlankedSource, InjectedSource
from tessellar.engine.foregrounds.learn import Learned
from tessellar.engine.foregrounds.pipeline import Cleaned, ForegroundRun
from tessellar.engine.foregrounds.separate import SeparateStage
from tessellar.engine.power.kelvin import frequencies_of, kelvin_per_unit
from tessellar.engine.power.spectra import reach_of, whole_band
from tessellar.engine.power.stage import measure_modes, unit_bytes, unit_channels
from tessellar.engine.verify import DIGEST
from tessellar.io.zarr_store import ZarrSource
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import Bins, CylindricalPower, cross_power, power_of_covariance
from tessellar.kernels.power.field import SkyField, field_of
from tessellar.kernels.power.modes import SkyModes, check_frequencies
from tessellar.kernels.power.transform import ComplexArray
from tessellar.model import DoubleArray, Source


@dataclass(frozen=True, slots=True, eq=False)
class CheckPlan:
    """What is to be measured of a separation.

    Attributes
    ----------
    bands
        Bands of the power spectra; those that the cube does not cover are left out, and all channels are one band
        where there are none.
    bins
        Bins of the wave numbers, and the taper.
    degrees
        Side of the central square of the sky that is used; the whole field when None.
    halves
        Two halves of the observation, cleaned as the cube is: their cross power is free of the noise's.
    signal
        A signal to inject, in kelvin, on the cube's grid; None to inject none.
    """

    bands: tuple[Band, ...]
    bins: Bins
    degrees: float | None = None
    halves: tuple[Source, Source] | None = None
    signal: Source | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """The part of the power of a signal that is left in each bin, and how much it scatters from signal to signal.

    Both float64 arrays (k_par, k_perp).
    """

    part: DoubleArray
    sigma: DoubleArray


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
    """

    before: CylindricalPower
    after: CylindricalPower
    transfer: Transfer | None = None
    posterior: DoubleArray | None = None

    @property
    def corrected(self) -> CylindricalPower:
        """The power after the separation over the transfer function, with its error; NaN where nothing is left.

        The error has two parts beside that of the power: how much the loss of another signal differs from that of the
        injected one, once for the signal that was injected and once for that of the sky.
        """
        if self.transfer is None:
            return self.after
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.where(self.transfer.part > 0, self.transfer.part, np.nan)
            power = self.after.power / left
            sigma = np.hypot(self.after.sigma, np.sqrt(2.0) * power * self.transfer.sigma) / left
        return replace(self.after, power=power, sigma=sigma)


@dataclass(frozen=True, slots=True, eq=False)
class PowerCheck:
    """Measures the power of a separation at work.

    Attributes
    ----------
    run
        The separation.
    cleaned
        What it made.
    plan
        What is measured.
    """

    run: ForegroundRun
    cleaned: Cleaned
    plan: CheckPlan

    def measure(self) -> dict[Band, BandCheck]:
        """Return the power of each band that the cube covers."""
        learned, source = self.cleaned.learned, self.run.source
        raw = self._modes(source, "modes")
        clean = self._clean_modes(source, raw, learned, "clean", self.cleaned.cube)
        pair = (clean, clean)
        if self.plan.halves is not None:
            first, second = (
                self._clean_modes(half, self._modes(half, f"modes-half-{n}"), learned, f"half-{n}")
                for n, half in enumerate(self.plan.halves, start=1)
            )
            pair = (first, second)
        left = self._what_is_left(raw, clean) if self.plan.signal is not None else None
        return {band: self._check(band, raw, pair, left) for band in self._bands(raw)}

    def _check(
        self,
        band: Band,
        raw: SkyModes,
        pair: tuple[SkyModes, SkyModes],
        left: tuple[SkyModes, SkyModes, SkyModes] | None,
    ) -> BandCheck:
        bins = self.plan.bins
        crossed = pair[0] is not pair[1]
        before = cross_power(raw, raw, band, bins)
        after = cross_power(*pair, band, bins, sample_variance=not crossed)
        transfer = None if left is None else self._transfer(band, *left)
        return BandCheck(before, after, transfer, self._posterior(band, raw))

    def _posterior(self, band: Band, raw: SkyModes) -> DoubleArray | None:
        learned = self.cleaned.learned
        if learned.separated.posterior is None:
            return None
        kelvin, n_channels = kelvin_per_unit(self.run.source.meta), len(learned.hertz)
        covariance = np.zeros((n_channels, n_channels))
        covariance[np.ix_(learned.used, learned.used)] = learned.separated.posterior
        covariance *= np.outer(kelvin, kelvin)
        return power_of_covariance(covariance, raw.field, learned.hertz, band, self.plan.bins)

    def _transfer(self, band: Band, left: SkyModes, seen: SkyModes, signal: SkyModes) -> Transfer:
        """Return the part of a signal's power that is left: of a projection P, that of P s, which is that of P s and s.

        A filter that is no projection is near one: a mode stays or goes. The power of what is left itself would count
        what the change of the filter leaves of the foregrounds. Blanks mix the modes of what is left, as they do those
        of the cube: it is held against the signal as it is seen through them, and the power against the whole signal's.
        """
        kept = cross_power(left, seen, band, self.plan.bins, sample_variance=False)
        own = cross_power(signal, signal, band, self.plan.bins).power
        with np.errstate(invalid="ignore", divide="ignore"):
            return Transfer(kept.power / own, kept.sigma / own)

    def _what_is_left(self, raw: SkyModes, clean: SkyModes) -> tuple[SkyModes, SkyModes, SkyModes]:
        """Return the modes of what is left of the signal once the separation has learned from the sum, and its own.

        Its own are those of the signal where the cube holds data, and those of all of it.

        A filter that learns a few numbers from the cube, but no spectra, is kept: a signal does not lose by being
        learned from, but one of twice the power would be taken for that of the sky.
        """
        signal, source = cast("Source", self.plan.signal), self.run.source
        own = self._modes(signal, "modes-signal")
        injected = InjectedSource(source, signal, 1.0 / kelvin_per_unit(source.meta))
        learned = self.cleaned.learned
        if learned.separated.operator.basis is not None:
            learned = self.run.learner.learn(injected, "-injected")
        if _is_whole(raw) and _is_whole(own):
            seen, both = own, replace(raw, values=raw.values + own.values)
        else:
            seen = self._modes(BlankedSource(signal, source), "modes-signal-seen")
            both = self._modes(injected, "modes-injected")
        after = self._clean_modes(injected, both, learned, "injected")
        return replace(clean, values=after.values - clean.values), seen, own

    def _modes(self, source: Source, name: str) -> SkyModes:
        return measure_modes(source, self.run.crew, field=_field(source, self.plan), name=name)

    def _clean_modes(
        self, source: Source, raw: SkyModes, learned: Learned, name: str, cleaned: Source | None = None
    ) -> SkyModes:
        """Return the modes of a cube once it is cleaned.

        Cleaning is linear along frequency: where no voxel is blank it commutes with the transform on the sky, and is
        done on the modes. Elsewhere, and behind a network, the cube is cleaned on disk.
        """
        if _is_whole(raw) and learned.used.all() and learned.separated.network is None:
            kelvin = kelvin_per_unit(source.meta)[:, None]
            return replace(raw, values=kelvin * residual_of(learned.separated.operator, raw.values / kelvin))
        return self._modes(cleaned or self._clean_copy(source, learned, name), f"modes-clean-{name}")

    def _clean_copy(self, source: Source, learned: Learned, name: str) -> Source:
        """Return a cleaned copy of a cube, in the workspace of the run."""
        crew, whole = self.run.crew, self.run.residual
        mark = fingerprint(source, self.run.content, learned.separated.operator.mean)
        shard = whole.store.piece_shape
        sink = scratch_sink(whole.final.workspace, name, source.meta, shard, mark)
        if not sink.path.exists():
            sink.begin()
            network = learned.separated.network
            purpose = f"separate-{name}"
            stage = SeparateStage(source, learned.projection, sink, mark, network=network, purpose=purpose)
            crew.do(stage)
            sink.publish(payload[DIGEST].tobytes() for _, payload in crew.partials.units(stage))
            sink.tidy()
        return ZarrSource(sink.path)

    def _bands(self, modes: SkyModes) -> tuple[Band, ...]:
        covered = tuple(band for band in self.plan.bands if band.is_covered(modes.frequencies))
        return covered or (whole_band(modes.frequencies),)


def residual_of(operator: SpectralOperator, values: ComplexArray) -> ComplexArray:
    """Return what an operator leaves of modes of the sky, whose mean spectrum is zero.

    Parameters
    ----------
    operator
        The filter.
    values
        complex128 array (frequency, mode).
    """
    if operator.residual is not None:
        return np.asarray(operator.residual @ values)
    basis, _ = np.linalg.qr(np.asarray(operator.basis))
    return np.asarray(values - basis @ (basis.T @ values))


def _is_whole(modes: SkyModes) -> bool:
    """Return whether no voxel of the field is blank."""
    return bool((modes.valid == 1.0).all())


@dataclass(frozen=True, slots=True)
class CheckCost:
    """What measuring power adds to a run.

    Attributes
    ----------
    passes
        How often a cube is read for it, at most.
    cubes
        How many cubes lie on the disk until the end, at most.
    driver_bytes, unit_bytes
        Memory of the modes in the driver, and of one unit of work.
    """

    passes: int = 0
    cubes: int = 0
    driver_bytes: int = 0
    unit_bytes: int = 0


def cost_of_check(source: Source, plan: CheckPlan | None) -> CheckCost:
    """Return what measuring power adds to a run."""
    if plan is None:
        return CheckCost()
    field = _field(source, plan)
    n_cubes = 2 + 2 * 2 * (plan.halves is not None) + 4 * (plan.signal is not None)
    copies = 2 * (plan.halves is not None) + (plan.signal is not None)
    modes = 16 * source.meta.shape[0] * len(field.modes())
    depth = unit_channels(source, field, source.meta.shape[0])
    passes = n_cubes + 2 * copies + 2 * (plan.signal is not None)
    return CheckCost(passes, copies, (n_cubes + 3) * modes, unit_bytes(field, depth))


def check_power(source: Source, plan: CheckPlan) -> None:
    """Refuse a cube whose power cannot be measured.

    Raises
    ------
    InputError
        It has no evenly spaced frequencies, no known unit, or no size of a pixel.
    """
    check_frequencies(frequencies_of(source.meta))
    kelvin_per_unit(source.meta)
    _field(source, plan)


def _field(source: Source, plan: CheckPlan) -> SkyField:
    hertz = frequencies_of(source.meta)
    return field_of(
        source.meta, reach_of(float(plan.bins.k_perp_edges[-1]), float(hertz.min())), plan.degrees
    )
