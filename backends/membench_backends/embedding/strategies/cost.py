"""The duration of a batch, estimated while running."""

from __future__ import annotations

FIRST_GUESS = (3.3, 0.21)
"""Milliseconds per batch and per token for bge-small on one Zen 5 core. Only their ratio matters, and only at first."""
DECAY = 0.98
"""Weight of a batch relative to the next one: about fifty batches count."""


class BatchCost:
    """A linear model of a batch's duration: n texts padded to L tokens take fixed_ms + token_ms * n * L.

    Both coefficients are fitted by recursive least squares of the relative errors, so that small batches count as much
    as large ones.
    """

    def __init__(self, guess: tuple[float, float] = FIRST_GUESS) -> None:
        self.fixed_ms, self.token_ms = guess
        # Sums of w * (1, x, x^2, t, x t) with w = 1/t^2, seeded as if the guess had been observed at two sizes.
        self._sums = [0.0] * 5
        for tokens in (16, 512):
            self._add(tokens, self.fixed_ms + self.token_ms * tokens)

    def ms(self, texts: int, longest: int) -> float:
        """Return the expected duration of a batch in milliseconds."""
        return self.fixed_ms + self.token_ms * texts * longest

    def learn(self, texts: int, longest: int, duration_ms: float) -> None:
        """Update the fit with the duration of a batch."""
        self._add(texts * longest, duration_ms)
        w, wx, wxx, wt, wxt = self._sums
        spread = w * wxx - wx * wx
        if spread <= 1e-9 * w * wxx:  # all batches so far had one size: keep the coefficients
            return
        token_ms = (w * wxt - wx * wt) / spread
        fixed_ms = (wt - token_ms * wx) / w
        if token_ms > 0 and fixed_ms > 0:
            self.fixed_ms, self.token_ms = fixed_ms, token_ms

    def _add(self, tokens: float, duration_ms: float) -> None:
        weight = 1 / (duration_ms * duration_ms)
        terms = (weight, weight * tokens, weight * tokens * tokens, weight * duration_ms, weight * tokens * duration_ms)
        self._sums = [DECAY * total + new for total, new in zip(self._sums, terms, strict=True)]
