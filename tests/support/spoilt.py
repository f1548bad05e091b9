"""Content that is almost right: samples with pieces put into them, or in the place of some of them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def spoilt(draw: st.DrawFn, samples: Sequence[bytes], pieces: Sequence[bytes], most: int = 20) -> bytes:
    """Up to four pieces, each in the place of at most so many bytes."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        at, instead = draw(st.integers(0, len(content))), draw(st.integers(0, most))
        content = content[:at] + draw(st.sampled_from(pieces) | st.binary(max_size=6)) + content[at + instead :]
    return content
