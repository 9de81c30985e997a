"""Drawing tokens one after another: temperature, top-k, top-p, min-p, greedy.

Each is a rule that reshapes logits; the draw is the same for all. A draw takes the largest of logits plus Gumbel
noise indexed by vocabulary id, so what a rule does to one token never moves the noise of another.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.captured import Captured
from genwright.kernels.sample_logits.reference import reshaped
from genwright.kernels.sample_logits.rule import Rule
from genwright.kernels.sample_logits.spec import sample_logits
from genwright.readings import Condition, NextToken, Steady, Stream
from genwright.sampler import Sampler
from genwright.seeds import Noise

__all__ = ["Greedy", "MinP", "Ruled", "Temperature", "TokenSampler", "TopK", "TopP"]

# Noise of one row is made for as many positions at once: for 257 tokens, a call takes 0.33 ms for one and 0.84 for 128.
_AHEAD = 128


class TokenSampler(Sampler[NextToken]):
    """Draws tokens by a rule on logits. A row that has stopped gives its place to the next sample at once."""

    @abstractmethod
    def reshape(self, logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return the logits to draw from; -inf where a token may not be drawn."""

    @final
    @torch.inference_mode()
    def sample(self, reading: NextToken, noise: Noise, condition: Condition, *, rows: int) -> Int64[Tensor, "B T"]:
        """Return one sequence a row of noise, filled with the stop token after its end."""
        if rows > 1:
            return _Draw(self, reading, noise, condition, rows).run()
        drawn = torch.full((len(noise), reading.length), 0 if reading.stop is None else reading.stop)
        for row, tokens in enumerate(drawn):
            part = torch.cat(list(self.blocks(reading, noise[row : row + 1], condition[row : row + 1])))
            tokens[: len(part)] = part
        return drawn.to(noise.samples.device)

    @final
    def blocks(
        self, reading: NextToken, noise: Noise, condition: Condition, *, size: int = _AHEAD
    ) -> Iterator[Int64[Tensor, " T"]]:
        """Yield the tokens of one sample as they are drawn, `size` at a time, of one row that is drawn alone.

        They are those that `sample` draws with rows=1.
        """
        place = _Alone(self, reading, noise, condition)
        while drawn := place.draw(size):
            yield torch.tensor(drawn)


class Ruled(TokenSampler):
    """Draws tokens as `sample_logits` does by a rule."""

    rule: Rule

    @final
    def reshape(self, logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return the logits to draw from; -inf where the rule leaves a token out."""
        return reshaped(logits, self.rule)


@final
class Temperature(Ruled):
    """Draws from the model's distribution, sharpened below temperature 1 and flattened above it."""

    def __init__(self, *, temperature: float = 1.0) -> None:
        self.temperature, self.rule = temperature, Rule(temperature=temperature)


@final
class Greedy(TokenSampler):
    """Takes the likeliest token each time; the seed has no influence."""

    def __init__(self) -> None:
        pass

    def reshape(self, logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return -inf for all but the first of the largest logits."""
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)


@final
class TopK(Ruled):
    """Draws from the k likeliest tokens; ties with the last of them stay.

    Source: Fan, Lewis and Dauphin (2018), arXiv:1805.04833.
    """

    def __init__(self, *, k: int = 20, temperature: float = 1.0) -> None:
        self.k, self.temperature, self.rule = k, temperature, Rule(k=k, temperature=temperature)


@final
class TopP(Ruled):
    """Draws from the fewest likeliest tokens that reach probability p.

    Source: Holtzman et al. (2020), arXiv:1904.09751.
    """

    def __init__(self, *, p: float = 0.95, temperature: float = 1.0) -> None:
        self.p, self.temperature, self.rule = p, temperature, Rule(p=p, temperature=temperature)


@final
class MinP(Ruled):
    """Draws from tokens at least p times as likely as the likeliest, judged at temperature 1.

    Source: Nguyen et al. (2024), arXiv:2407.01082.
    """

    def __init__(self, *, p: float = 0.05, temperature: float = 1.0) -> None:
        self.p, self.temperature, self.rule = p, temperature, Rule(least=p, temperature=temperature)


class _Choice:
    """What draws the tokens of a call: of rules, one implementation of `sample_logits` throughout."""

    def __init__(self, sampler: TokenSampler) -> None:
        self.sampler, self.greedy = sampler, isinstance(sampler, Greedy)
        self.rule = sampler.rule if isinstance(sampler, Ruled) else Rule() if self.greedy else None
        self.serving: Callable[..., Tensor] | None = None

    def __call__(self, logits: Tensor, noise: Noise | Tensor, step: Tensor | int) -> Tensor:
        """Return the token that each row draws by its noise, or by Gumbel noise made of it before."""
        if self.rule is None:
            gumbel = noise.gumbel("token", step, logits.shape[-1]) if isinstance(noise, Noise) else noise
            return (self.sampler.reshape(logits.float()) + gumbel).argmax(-1)
        given = None if self.greedy else noise
        if self.serving is None:
            self.serving = sample_logits.chosen(logits, self.rule, noise=given, step=step)
        return self.serving(logits, self.rule, noise=given, step=step)


def _captured(stream: Stream) -> Callable[[Tensor], Tensor]:
    """Return the steps of a stream, from the second on one launch each on a GPU if they are steady.

    Rows stand anywhere in a cache of one size, so that one record serves them all.
    """
    is_steady = isinstance(stream, Steady) and stream.is_steady
    return Captured(stream.step, what="the drawing of tokens") if is_steady else stream.step


class _Draw:
    """The samples of one call: `rows` places, each taken by the next sample as soon as its last one has stopped."""

    def __init__(
        self, sampler: TokenSampler, reading: NextToken, noise: Noise, condition: Condition, rows: int
    ) -> None:
        self.choice, self.reading, self.noise, self.condition = _Choice(sampler), reading, noise, condition
        fill = 0 if reading.stop is None else reading.stop
        device = noise.samples.device
        # One more row than there are samples, for the places that have run out of them to write to.
        self.drawn = torch.full((len(noise) + 1, reading.length), fill, dtype=torch.int64, device=device)
        self.sample = torch.arange(rows, device=device).clamp(max=len(noise))
        self.next = rows
        self.at = torch.zeros(rows, dtype=torch.int64, device=device)
        self.stream = reading.open(condition[self._owner()])
        self.step, self.is_drawing = _captured(self.stream), len(noise) > 0

    def run(self) -> Tensor:
        tokens = torch.full_like(self.at, self.reading.start)
        while self.is_drawing:
            logits = self.step(tokens)
            tokens = self._forced(self.choice(logits, self.noise[self._owner()], self.at))
            self.drawn[self.sample, self.at] = tokens
            self.at = self.at + 1
            tokens = self._refilled(tokens)
        return self.drawn[:-1]

    def _owner(self) -> Tensor:
        return self.sample.clamp(max=len(self.noise) - 1)

    def _forced(self, tokens: Tensor) -> Tensor:
        """Return the tokens, those of a prefix put in the place of drawn ones."""
        prefix = self.condition.prefix
        if not prefix.shape[1]:
            return tokens
        given = prefix[self._owner(), self.at.clamp(max=prefix.shape[1] - 1)]
        return torch.where((self.at < prefix.shape[1]) & (given >= 0), given, tokens)

    def _refilled(self, tokens: Tensor) -> Tensor:
        """Give the places of finished samples to waiting ones; return the tokens to go on with."""
        ended = self.at >= self.reading.length
        if self.reading.stop is not None:
            ended |= tokens == self.reading.stop
        if not bool(ended.any()):
            return tokens
        count = int(ended.sum())
        following = torch.arange(self.next, self.next + count, device=tokens.device)
        self.sample[ended] = following.clamp(max=len(self.noise))
        self.next += count
        self.is_drawing = bool((self.sample < len(self.noise)).any())
        self.at = torch.where(ended, 0, self.at)
        self.stream.restart(ended, self.condition[self._owner()])
        return torch.where(ended, self.reading.start, tokens)


class _Alone:
    """One sample, drawn as the only row."""

    @torch.inference_mode()
    def __init__(self, sampler: TokenSampler, reading: NextToken, noise: Noise, condition: Condition) -> None:
        self.choice, self.noise, self.stop = _Choice(sampler), noise, reading.stop
        self.prefix, self.left = condition.prefix[0].tolist(), range(reading.length)
        self.step = _captured(reading.open(condition))
        self.token = torch.full((1,), reading.start, device=noise.samples.device)
        self.gumbel: tuple[Tensor, ...] = ()
        self.block = -1

    @torch.inference_mode()
    def draw(self, count: int) -> list[int]:
        """Return so many more tokens, or fewer: those up to and with the one that stops the sample."""
        drawn: list[int] = []
        for at in self.left[:count]:
            self.token = self._next(at)
            drawn.append(int(self.token))
            if drawn[-1] == self.stop:
                self.left = range(0)
                break
        self.left = self.left[count:]
        return drawn

    def _next(self, at: int) -> Tensor:
        logits = self.step(self.token)
        if at < len(self.prefix) and self.prefix[at] >= 0:
            return torch.full_like(self.token, self.prefix[at])
        return self.choice(logits, self._gumbel(at, logits.shape[-1]), at)

    def _gumbel(self, at: int, count: int) -> Tensor:
        block, within = divmod(at, _AHEAD)
        if block != self.block:
            steps = torch.arange(block * _AHEAD, (block + 1) * _AHEAD, device=self.noise.samples.device)
            self.gumbel = torch.split(self.noise[torch.zeros_like(steps)].gumbel("token", steps, count), 1)
            self.block = block
        return self.gumbel[within]
