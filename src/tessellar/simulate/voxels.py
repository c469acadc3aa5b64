"""Random numbers that belong to a voxel: any part of a sky can be made alone with the same bits.

A number is a pure function of a key and a counter (the counter-th output of splitmix64), never of what was
drawn before it. Only additions, multiplications, divisions and square roots follow, which IEEE 754 fixes to
the last bit, so the bits are the same on every machine.

References: Steele, Lea & Flood 2014 (splitmix64); Wichura 1988, AS 241 (normal quantile).
"""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray, FloatArray

MAX_AXIS = 1 << 20  # voxels along an axis; the lattice below has room for as many on either side of zero

_STRIDE = 2 * MAX_AXIS
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # few digits, and the rest
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(n) for n in range(12, -1, -1))
# Coefficients of AS 241: a ratio of two polynomials, lowest order first, in three ranges.
_CENTRE = (
    (
        *(3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4),
        *(4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    ),
    (
        *(1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3),
        *(2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
    ),
)
_WING = (
    (
        *(1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504),
        *(1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2),
        7.74545014278341407640e-4,
    ),
    (
        *(1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1),
        *(1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4),
        1.05075007164441684324e-9,
    ),
)
_TAIL = (
    (
        *(6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1),
        *(2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5),
        2.01033439929228813265e-7,
    ),
    (
        *(1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2),
        *(7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7),
        2.04426310338993978564e-15,
    ),
)


@compiled_part
def mix(counter: np.uint64) -> np.uint64:
    """Return the finaliser of splitmix64, a bijection of 64 bits in which every bit stirs every other."""
    z = counter
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def _stream(seed: np.uint64, purpose: np.uint64) -> np.uint64:
    return mix(mix(seed + _GAMMA) + purpose * _GAMMA)


def stream(seed: int, purpose: int) -> np.uint64:
    """Return the key of an independent stream of numbers.

    Parameters
    ----------
    seed
        Any integer; only its lowest 64 bits count.
    purpose
        What the numbers are for, so that noise and galaxies of one seed share none.
    """
    return np.uint64(_stream(np.uint64(seed & 0xFFFFFFFFFFFFFFFF), np.uint64(purpose)))


@compiled
def uniform(key: np.uint64, counter: np.uint64) -> float:
    """Return a number in (0, 1), symmetric about one half, in steps of 2⁻⁵²."""
    bits = mix(key + (counter + np.uint64(1)) * _GAMMA) >> np.uint64(12)
    return (np.float64(bits) + 0.5) * 2.0**-52


@compiled_part
def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], r: float) -> float:
    above, below = 0.0, 0.0
    for i in range(7, -1, -1):
        above = above * r + coefficients[0][i]
        below = below * r + coefficients[1][i]
    return above / below


@compiled
def logarithm(p: float) -> float:
    """Return the natural logarithm of a positive number, to 1e-15, by arithmetic alone."""
    mantissa, exponent = math.frexp(p)
    if mantissa < 0.7071067811865476:
        mantissa *= 2.0
        exponent -= 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    series = 0.0
    for odd in range(21, 0, -2):
        series = series * (s * s) + 1.0 / odd
    return exponent * _LN2 + 2.0 * s * series


@compiled
def exponential(x: float) -> float:
    """Return the exponential of a number between -700 and 700, to 1e-15, by arithmetic alone."""
    octaves = math.floor(x * 1.4426950408889634 + 0.5)
    rest = (x - octaves * _LN2_HIGH) - octaves * _LN2_LOW
    series = 1.0 / 6227020800.0
    for inverse in _INVERSE_FACTORIALS:
        series = series * rest + inverse
    exponent = (np.int64(octaves) + np.int64(1023)) << np.int64(52)
    return series * np.int64(exponent).view(np.float64)


@compiled
def normal_quantile(p: float) -> float:
    """Return the deviate of the unit normal distribution below which a share ``p`` lies (AS 241)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_CENTRE, 0.180625 - q * q)
    r = math.sqrt(-logarithm(min(p, 1.0 - p)))
    deviate = _ratio(_WING, r - 1.6) if r <= 5.0 else _ratio(_TAIL, r - 5.0)
    return deviate if q > 0.0 else -deviate


@compiled
def fill_white(plane: FloatArray, key: np.uint64, z: int, x: int, y: int) -> None:
    """Fill a float32 array (l, m) with the unit normal deviates of channel ``z`` from pixel ``(x, y)`` on.

    Pixels may lie up to ``MAX_AXIS`` below zero: noise goes on beyond the edge of a cube.
    """
    for i in range(plane.shape[0]):
        row = (np.int64(z) * _STRIDE + (x + i + MAX_AXIS)) * _STRIDE + y + MAX_AXIS
        for j in range(plane.shape[1]):
            plane[i, j] = np.float32(normal_quantile(uniform(key, np.uint64(row + j))))


@compiled
def uniforms(key: np.uint64, first: int, step: int, count: int) -> DoubleArray:
    """Return the uniform numbers of the counters ``first, first + step, …``, float64 array (count)."""
    out = np.empty(count)
    for i in range(count):
        out[i] = uniform(key, np.uint64(first + i * step))
    return out


@compiled
def normals(key: np.uint64, first: int, step: int, count: int) -> DoubleArray:
    """Return the unit normal deviates of the counters ``first, first + step, …``, float64 array (count)."""
    out = np.empty(count)
    for i in range(count):
        out[i] = normal_quantile(uniform(key, np.uint64(first + i * step)))
    return out
