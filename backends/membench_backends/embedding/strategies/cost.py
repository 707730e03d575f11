"""What a batch costs, learned while running."""

from __future__ import annotations

FIRST_GUESS = (3.3, 0.21)
"""Milliseconds a batch and a token of bge-small on one Zen 5 core; only their ratio matters, and only at the start."""
FORGETTING = 0.98
"""Weight of a batch relative to the next: some fifty batches are remembered."""


class BatchCost:
    """A batch of n texts padded to L tokens takes a + b n L milliseconds: a and b, fitted by recursive least squares.

    Errors count relative to the duration, so that small batches say as much as large ones.
    """

    def __init__(self, guess: tuple[float, float] = FIRST_GUESS) -> None:
        self.fixed_ms, self.token_ms = guess
        # Sums over w = 1/t^2 of 1, x, x^2, t, x t, as if the guess had been seen at two sizes.
        self._sums = [0.0] * 5
        for tokens in (16, 512):
            self._add(tokens, self.fixed_ms + self.token_ms * tokens)

    def ms(self, texts: int, longest: int) -> float:
        """The expected duration of a batch, in milliseconds."""
        return self.fixed_ms + self.token_ms * texts * longest

    def learn(self, texts: int, longest: int, took_ms: float) -> None:
        """Take one more batch into account."""
        self._add(texts * longest, took_ms)
        w, wx, wxx, wt, wxt = self._sums
        spread = w * wxx - wx * wx
        if spread <= 1e-9 * w * wxx:  # batches all of one size so far: keep the ratio
            return
        token_ms = (w * wxt - wx * wt) / spread
        fixed_ms = (wt - token_ms * wx) / w
        if token_ms > 0 and fixed_ms > 0:
            self.fixed_ms, self.token_ms = fixed_ms, token_ms

    def _add(self, tokens: float, took_ms: float) -> None:
        weight = 1 / (took_ms * took_ms)
        seen = (weight, weight * tokens, weight * tokens * tokens, weight * took_ms, weight * tokens * took_ms)
        self._sums = [FORGETTING * total + new for total, new in zip(self._sums, seen, strict=True)]
