"""Two dialects and what they have in common: an output goes from the one to the other and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Output


@dataclass(frozen=True)
class Pair:
    """``one``'s client is served by ``other``'s provider."""

    one: Dialect
    other: Dialect

    def __str__(self) -> str:
        return f"{self.one.name}-{self.other.name}"

    def said(self, output: Output) -> Output:
        """As much of ``output`` as a client of ``one`` can ask for."""
        return self.one.read_output(self.one.write_output(output, Ledger()), Ledger())

    def there_and_back(self, output: Output, ledger: Ledger) -> Output:
        """Written and read by ``other``, then by ``one`` again; the losses of both writings are noted."""
        there = self.other.read_output(self.other.write_output(output, ledger), Ledger())
        return self.one.read_output(self.one.write_output(there, ledger), Ledger())


def has_document(dialect: Dialect) -> bool:
    """Whether an output has a document of its own in this dialect."""
    return dialect.output is not None or type(dialect).write_output is not Dialect.write_output


def pairs(specs: Sequence[str]) -> Iterator[Pair]:
    """Each of ``specs`` with everything that is installed, both ways round."""
    found = {spec.partition(",")[0]: registry.find(spec) for spec in (*registry.names(), *specs)}
    wanted = {spec.partition(",")[0] for spec in specs}
    able = [dialect for dialect in found.values() if has_document(dialect)]
    return (Pair(*both) for both in permutations(able, 2) if {each.name for each in both} & wanted)
