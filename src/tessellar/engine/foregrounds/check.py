"""How well a separation went, in the space of wave numbers: power before and after, and what it takes of a signal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from tessellar.engine.cube_output import scratch_sink
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.foregrounds.band_check import BandCheck
from tessellar.engine.foregrounds.injected import InjectedSource
from tessellar.engine.foregrounds.learn import Learned, learns
from tessellar.engine.foregrounds.leftover import leftover_filter, leftover_modes
from tessellar.engine.foregrounds.pipeline import Cleaned, ForegroundRun
from tessellar.engine.foregrounds.separate import SeparateStage
from tessellar.engine.power.kelvin import frequencies_of, kelvin_per_unit
from tessellar.engine.power.spectra import reach_of, whole_band
from tessellar.engine.power.stage import measure_modes, unit_bytes, unit_channels
from tessellar.engine.verify import DIGEST
from tessellar.io.zarr_store import ZarrSource
from tessellar.kernels.foregrounds.operator import residual_of
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import Bins, cross_power, power_of_covariance
from tessellar.kernels.power.field import SkyField, field_of
from tessellar.kernels.power.modes import SkyModes, check_frequencies
from tessellar.kernels.power.transfer import transfer_of
from tessellar.model import DoubleArray, Source

FAINT = 0.2
"""Share of a signal that is added where the filter learns from the sum: a 25th of its power."""


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
        A signal to inject, on the cube's grid; None to inject none.
    """

    bands: tuple[Band, ...]
    bins: Bins
    degrees: float | None = None
    halves: tuple[Source, Source] | None = None
    signal: Source | None = None


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
        rest = self._leftover(pair)
        return {band: self._check(band, raw, pair, left, rest) for band in self._bands(raw)}

    def _check(
        self,
        band: Band,
        raw: SkyModes,
        pair: tuple[SkyModes, SkyModes],
        left: tuple[SkyModes, SkyModes, SkyModes] | None,
        rest: tuple[SkyModes, SkyModes] | None,
    ) -> BandCheck:
        bins = self.plan.bins
        crossed = pair[0] is not pair[1]
        before = cross_power(raw, raw, band, bins)
        after = cross_power(*pair, band, bins, sample_variance=not crossed)
        transfer = None if left is None else transfer_of(*left, band, bins)
        leftover = None if rest is None else np.maximum(cross_power(*rest, band, bins).power, 0.0)
        return BandCheck(before, after, transfer, self._posterior(band, raw), leftover, crossed)

    def _leftover(self, pair: tuple[SkyModes, SkyModes]) -> tuple[SkyModes, SkyModes] | None:
        """Return the foregrounds that the eigenvalues still see in two clean cubes, or in one that is given twice."""
        learned = self.cleaned.learned
        picked = leftover_filter(learned)
        if picked is None:
            return None
        kelvin = kelvin_per_unit(self.run.source.meta)
        first = leftover_modes(picked, learned, pair[0], kelvin)
        return first, first if pair[1] is pair[0] else leftover_modes(picked, learned, pair[1], kelvin)

    def _posterior(self, band: Band, raw: SkyModes) -> DoubleArray | None:
        learned = self.cleaned.learned
        if learned.separated.posterior is None:
            return None
        kelvin, n_channels = kelvin_per_unit(self.run.source.meta), len(learned.hertz)
        covariance = np.zeros((n_channels, n_channels))
        covariance[np.ix_(learned.used, learned.used)] = learned.separated.posterior
        covariance *= np.outer(kelvin, kelvin)
        return power_of_covariance(covariance, raw.field, learned.hertz, band, self.plan.bins)

    def _what_is_left(self, raw: SkyModes, clean: SkyModes) -> tuple[SkyModes, SkyModes, SkyModes]:
        """Return the modes of what is left of the signal, of what the filter of the cube keeps of it, and its own.

        What is left is what comes of a filter that has learned from the sum. It bends towards what the sky holds, and
        is known to take more of it for that; a faint signal is added, since one as strong as the sky's would bend the
        filter twice as far as the sky's own did. A filter that learns a few numbers from the cube, but no spectra,
        stays as it is: it would take the sum for a sky of more power.
        """
        own = self._modes(cast("Source", self.plan.signal), "modes-signal")
        learned = self.cleaned.learned
        kept = self._response(1.0, learned, raw, clean, own)
        if learned.separated.operator.basis is None or not learns(self.run.learner.recipe):
            return kept, kept, own
        bent = self.run.learner.learn(self._injected(FAINT), "-injected")
        return self._response(FAINT, bent, raw, clean, own), kept, own

    def _response(
        self, share: float, learned: Learned, raw: SkyModes, clean: SkyModes, own: SkyModes
    ) -> SkyModes:
        """Return by how much the clean cube changes when a share of the signal is added, over the share."""
        whole = _is_whole(raw) and _is_whole(own)
        both = replace(raw, values=raw.values + share * own.values) if whole else None
        name = "kept" if learned is self.cleaned.learned else "injected"
        after = self._clean_modes(self._injected(share), both, learned, name)
        return replace(clean, values=(after.values - clean.values) / share)

    def _injected(self, share: float) -> InjectedSource:
        source, signal = self.run.source, cast("Source", self.plan.signal)
        factors = share * kelvin_per_unit(signal.meta) / kelvin_per_unit(source.meta)
        return InjectedSource(source, signal, factors)

    def _modes(self, source: Source, name: str) -> SkyModes:
        return measure_modes(source, self.run.crew, field=_field(source, self.plan), name=name)

    def _clean_modes(
        self, source: Source, raw: SkyModes | None, learned: Learned, name: str, cleaned: Source | None = None
    ) -> SkyModes:
        """Return the modes of a cube once it is cleaned.

        Cleaning is linear along frequency: where no voxel is blank it commutes with the transform on the sky, and is
        done on the modes. Elsewhere, where they are not given, and behind a network, the cube is cleaned on disk.
        """
        on_modes = learned.used.all() and learned.separated.network is None
        if raw is not None and _is_whole(raw) and on_modes:
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
    n_cubes = 2 + 2 * 2 * (plan.halves is not None) + 3 * (plan.signal is not None)
    copies = 2 * (plan.halves is not None) + 2 * (plan.signal is not None)
    modes = 16 * source.meta.shape[0] * len(field.modes())
    depth = unit_channels(source, field, source.meta.shape[0])
    passes = n_cubes + 2 * copies + 2 * (plan.signal is not None)
    return CheckCost(passes, copies, (n_cubes + 3) * modes, unit_bytes(field, depth))


def check_power(source: Source, plan: CheckPlan) -> None:
    """Refuse a cube whose power cannot be measured.

    Raises
    ------
    InputError
        It has no evenly spaced frequencies, no known unit, or no size of a pixel; or its signal has no known unit.
    """
    check_frequencies(frequencies_of(source.meta))
    kelvin_per_unit(source.meta)
    if plan.signal is not None:
        kelvin_per_unit(plan.signal.meta)
    _field(source, plan)


def _field(source: Source, plan: CheckPlan) -> SkyField:
    hertz = frequencies_of(source.meta)
    return field_of(
        source.meta, reach_of(float(plan.bins.k_perp_edges[-1]), float(hertz.min())), plan.degrees
    )
