"""Discs under a second look: corrections that are true make them true, and what cannot be looked at stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from second_look.looks import SMALL_DISCS, write_look

from tessellar.api.candidates import real_rows, sampling_of, search
from tessellar.challenge.sdc2 import second_look
from tessellar.challenge.sdc2.errors import measured_errors
from tessellar.challenge.sdc2.fitting import fit_discs
from tessellar.challenge.sdc2.second_look import corrected, discs_of, look_at_discs, true_corrections
from tessellar.challenge.sdc2.submission import Measured, in_challenge, submission
from tessellar.kernels.look.network import Look
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import sdc2_table, truth_table
from tessellar.training.look.skies import HeldSky, held

Found = tuple[HeldSky, QTable, QTable, QTable]
CHANGED = ("line_flux_integral", "hi_size", "w20", "pa", "i", "central_freq")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    sky = held(Sdc2Sky((64, 64, 64), 3, density=80.0, rms_jy=6e-6, first_frequency_hz=1.05e9), threshold=5.0)
    run = search(sky, tmp_path_factory.mktemp("run"))
    plain, _ = submission(run.table, sampling_of(sky))
    return sky, run.table[in_challenge(run.table)], plain, sdc2_table(truth_table(sky.sky))


def test_a_fit_leaves_what_it_is_given_alone(found: Found) -> None:
    sky, _, plain, _ = found
    before = {name: plain[name].copy() for name in plain.colnames}
    fitted = fit_discs(plain, sky, sampling_of(sky)).table
    assert all((plain[name] == before[name]).all() for name in plain.colnames)
    assert (fitted["hi_size"] != plain["hi_size"]).any()


def test_true_corrections_make_discs_true(found: Found) -> None:
    sky, catalogue, plain, truth = found
    _, ours, theirs = real_rows(catalogue, sky, truth)
    assert ours.size
    mine, true = plain[ours], truth[theirs]
    mended = corrected(mine, true_corrections(mine, true, sky), sky)
    for name in CHANGED:
        wanted, got = (np.asarray(table[name], np.float64) for table in (true, mended))
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


def test_discs_too_large_to_be_looked_at_stay(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky, catalogue, plain, _ = found
    errors = measured_errors(Measured.of(catalogue, sampling_of(sky)))
    network = Look(str(write_look(tmp_path, SMALL_DISCS)))
    arguments = (catalogue, plain, plain, errors, sky, sampling_of(sky), network)
    seen, told = look_at_discs(*arguments)
    assert (seen["hi_size"] != plain["hi_size"]).all()
    discs = discs_of(catalogue, plain, plain, sky, sampling_of(sky))
    sure = network.corrections(discs.patches, discs.features).errors
    np.testing.assert_allclose(told["err_hi_size"] / seen["hi_size"], sure[:, 1], rtol=1e-12)
    np.testing.assert_allclose(told["err_i"].value, np.minimum(np.degrees(sure[:, 4]), 21.6), rtol=2e-2)
    assert (told["err_ra"] == errors["err_ra"]).all()
    monkeypatch.setattr(second_look, "MOST_VOXELS", 10)
    after, same = look_at_discs(*arguments)
    assert all(np.allclose(after[name], plain[name], rtol=1e-12) for name in CHANGED)
    assert all((same[name] == errors[name]).all() for name in same.colnames)


def test_one_disc_is_seen_alike_in_any_company(found: Found) -> None:
    sky, catalogue, plain, _ = found
    together = discs_of(catalogue, plain, plain, sky, sampling_of(sky))
    alone = discs_of(catalogue[1:2], plain[1:2], plain[1:2], sky, sampling_of(sky))
    assert np.array_equal(alone.patches[0], together.patches[1])
    assert np.array_equal(alone.features[0], together.features[1])
    nothing = discs_of(catalogue[:0], plain[:0], plain[:0], sky, sampling_of(sky))
    assert nothing.patches.shape == (0, *together.patches.shape[1:])
