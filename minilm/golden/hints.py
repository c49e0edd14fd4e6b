"""Why two tensors differ: simple hypotheses, tried one after the other.

Each is a way in which ports go wrong: a forgotten factor, a sign, swapped axes, a position too
far, a sum without one of its terms. A hint says what is true of the numbers, not whose fault.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from minilm.golden.difference import largest, sizes

__all__ = ["hints", "named_factor", "place", "whereabouts"]

# Up to here a whole number is likely to be no accident.
LARGEST_PLAIN = 64


def hints(
    a: NDArray,
    b: NDArray,
    axes: Sequence[str],
    letters: Mapping[str, int],
    tolerance: float,
    others: Iterable[tuple[str, NDArray]] = (),
) -> list[str]:
    """What relates the two tensors, as sentences; empty if nothing that is simple.

    Parameters
    ----------
    axes : sequence of str
        Of `a`, in letters.
    letters : mapping of str to int
        What the letters stand for.
    others : iterable of (name, array)
        Tensors of A that B might have taken for this one, or that one of the two lacks as a
        term of a sum.

    Examples
    --------
    >>> a = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]])
    >>> hints(a, 4 * a, ["T", "C"], {"T": 2, "C": 3, "D": 16}, 1e-9)
    ['A is 0.25 times B, which is 1/4 = 1/sqrt(D)']
    >>> hints(a, a.T, ["T", "C"], {}, 1e-9)
    ['B is A transposed']
    """
    if a.shape != b.shape:
        return list(itertools.islice(_reordered(a, b, tolerance), 1))
    if not a.size:
        return []
    for name, array, other in (("B", b, a), ("A", a, b)):
        if not array.any() and largest(other) > 0:
            return [f"{name} is zero everywhere"]
    if factor := _factor(a, b, letters, tolerance):
        return [factor]
    found = itertools.chain(
        _swapped(a, b, axes, tolerance),
        _moved(a, b, axes, tolerance),
        _mistaken(a, b, tolerance, others),
        _constant(a, b, tolerance),
        _diagonal(a, b, axes, tolerance),
    )
    return list(itertools.islice(found, 2))


def _close(a: NDArray, b: NDArray, tolerance: float) -> bool:
    scale = largest(a) or largest(b)
    return a.shape == b.shape and bool((sizes(a, b) <= tolerance * scale).all())


def _reordered(a: NDArray, b: NDArray, tolerance: float) -> Iterator[str]:
    """Other shapes of the same numbers."""
    if a.ndim == b.ndim <= 5:
        for order in itertools.permutations(range(a.ndim)):
            turned = b.transpose(order)
            if turned.shape == a.shape and _close(a, turned, tolerance):
                axes = ", ".join(map(str, np.argsort(order)))
                yield "B is A transposed" if a.ndim == 2 else f"B is A.transpose({axes})"
    if a.size == b.size and _close(a.reshape(-1), b.reshape(-1), tolerance):
        yield f"B holds the same numbers in the same order: B.reshape{a.shape} is A"


def _factor(a: NDArray, b: NDArray, letters: Mapping[str, int], tolerance: float) -> str | None:
    finite = np.isfinite(a) & np.isfinite(b)
    x, y = (np.where(finite, array, 0.0).astype(np.float64) for array in (a, b))
    scale = largest(y)
    if scale == 0:
        return None
    x, y = x / scale, y / scale
    factor = float(np.vdot(y, x) / np.vdot(y, y))
    if factor == 0 or not math.isfinite(factor):
        return None
    masked = np.where(finite, x, a)
    if not _close(masked, np.where(finite, factor * y, b), tolerance):
        return None
    if abs(factor + 1) <= 10 * tolerance:
        return "B is A with the other sign"
    name = named_factor(abs(factor), letters, 10 * tolerance)
    if a.size == 1 and not name:
        return None  # any two numbers are multiples of each other
    sign = "-" if factor < 0 else ""
    return f"A is {factor:.4g} times B" + (f", which is {sign}{name}" if name else "")


def named_factor(factor: float, letters: Mapping[str, int], tolerance: float) -> str:
    """What a positive number may stand for: sizes, their roots, one over them; or nothing.

    Examples
    --------
    >>> named_factor(8**0.5, {"D": 8, "T": 8}, 1e-9)
    'sqrt(8) = sqrt(D) = sqrt(T)'
    >>> named_factor(1 / 96, {"B": 3, "T": 32}, 1e-9)
    '1/96 = 1/(B T)'
    """
    for number, name in ((math.log(2), "ln 2"), (1 / math.log(2), "1/ln 2")):
        if abs(factor / number - 1) <= tolerance:
            return name
    if not 1e-9 < factor < 1e9:
        return ""
    known = {name: size for name, size in letters.items() if size > 1}
    for one, other in (("B", "T"), ("H", "D"), ("T", "C")):
        if one in known and other in known:
            known[f"{one} {other}"] = known[one] * known[other]
    names = []
    for form, number in (
        ("{}", factor),
        ("1/{}", 1 / factor),
        ("sqrt({})", factor**2),
        ("1/sqrt({})", factor**-2),
    ):
        whole = round(number)
        if whole < 2 or abs(number / whole - 1) > tolerance:
            continue
        letters_of_it = [name for name, size in known.items() if size == whole]
        square = "sqrt" in form and math.isqrt(whole) ** 2 == whole
        # A number by itself would only repeat the factor, a square's root its own root.
        if form != "{}" and not square and (letters_of_it or whole <= LARGEST_PLAIN):
            names.append(form.format(whole))
        bracket = "({})" if form == "1/{}" else "{}"
        names += [
            form.format(bracket.format(name) if " " in name else name) for name in letters_of_it
        ]
    return " = ".join(names)


def _swapped(a: NDArray, b: NDArray, axes: Sequence[str], tolerance: float) -> Iterator[str]:
    for i, j in itertools.combinations(range(a.ndim), 2):
        if a.shape[i] == a.shape[j] and _close(a, b.swapaxes(i, j), tolerance):
            yield (
                "B is A transposed" if a.ndim == 2 else f"B is A with {axes[i]}, {axes[j]} swapped"
            )


def _moved(a: NDArray, b: NDArray, axes: Sequence[str], tolerance: float) -> Iterator[str]:
    for axis in range(a.ndim):
        n = a.shape[axis]
        if n < 3:
            continue
        for back, words in ((False, "+ 1"), (True, "- 1")):
            later = np.take(b if back else a, range(1, n), axis)
            sooner = np.take(a if back else b, range(n - 1), axis)
            x, y = (sooner, later) if back else (later, sooner)
            if _close(x, y, tolerance) and not _close(x, np.take(x, [0], axis) + 0 * x, tolerance):
                letter = axes[axis].lower()
                yield f"B is A moved by one along {axes[axis]}: B[{letter}] is A[{letter} {words}]"


def _mistaken(
    a: NDArray, b: NDArray, tolerance: float, others: Iterable[tuple[str, NDArray]]
) -> Iterator[str]:
    scale = largest(a)
    finite = bool(np.isfinite(a).all() and np.isfinite(b).all())
    for name, other in others:
        if other.shape != a.shape or largest(other) <= 100 * tolerance * scale:
            continue
        if _close(other, b, tolerance):
            yield f"B is what A has as {name}"
        elif finite and _close(a - b, other, tolerance * scale / largest(other)):
            yield f"A minus B is {name}: B lacks that term"
        elif finite and _close(b - a, other, tolerance * scale / largest(other)):
            yield f"B minus A is {name}"


def _constant(a: NDArray, b: NDArray, tolerance: float) -> Iterator[str]:
    if a.size < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return
    gap = np.asarray(a, np.float64) - b
    middle = float(gap.mean())
    if np.abs(gap - middle).max() <= tolerance * largest(a):
        yield f"A is B {'+' if middle > 0 else '-'} {abs(middle):.6g} everywhere"


def _diagonal(a: NDArray, b: NDArray, axes: Sequence[str], tolerance: float) -> Iterator[str]:
    """A mask that begins one position too early or too late."""
    if a.ndim < 2 or min(a.shape[-2:]) < 3:
        return
    mask = sizes(a, b) > tolerance * (largest(a) or largest(b))
    places = np.argwhere(mask)
    offsets = set((places[:, -1] - places[:, -2]).tolist())
    if len(offsets) == 1 and len(places) > 1:
        offset = offsets.pop()
        row, column = axes[-2].lower(), axes[-1].lower()
        shift = f" {'+' if offset > 0 else '-'} {abs(offset)}" if offset else ""
        yield f"they differ only where {column} = {row}{shift}"


def whereabouts(mask: NDArray[np.bool_], axes: Sequence[str]) -> str:
    """The part of each axis in which something is true, where that is not all of it.

    Examples
    --------
    >>> mask = np.zeros((2, 6), bool)
    >>> mask[:, 2:4] = True
    >>> whereabouts(mask, ["B", "T"])
    't 2 to 3'
    """
    words = []
    for axis, name in enumerate(axes):
        found = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        if not len(found) or len(found) == mask.shape[axis]:
            continue
        first, last = int(found[0]), int(found[-1])
        if first == last:
            words.append(f"{name.lower()} {first}")
        elif last - first + 1 == len(found):
            words.append(f"{name.lower()} {first} to {last}")
        else:
            words.append(f"{len(found)} of {mask.shape[axis]} {name.lower()}")
    return ", ".join(words)


def place(index: Sequence[int], axes: Sequence[str], letters: Mapping[str, int]) -> str:
    """An index with its axes named.

    Examples
    --------
    >>> place((0, 7), ["B", "T"], {})
    'b 0, t 7'
    >>> place((1, 21), ["C", "(H+2K)D"], {"H": 2, "K": 2, "D": 8})
    'c 1, (h+2k)d 21: k of head 0, d 5'
    """
    words = []
    for i, axis in zip(index, axes, strict=True):
        text = f"{axis.lower()} {i}"
        if axis == "(H+2K)D" and {"H", "K", "D"} <= letters.keys() and letters["D"]:
            head, channel = divmod(i, letters["D"])
            parts = (("q", letters["H"]), ("k", letters["K"]), ("v", letters["K"]))
            for part, count in parts:
                if head < count:
                    text += f": {part} of head {head}, d {channel}"
                    break
                head -= count
        words.append(text)
    return ", ".join(words)
