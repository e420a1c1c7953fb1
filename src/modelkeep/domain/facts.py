"""What a rule may ask about the version that is judged. The registry answers from what is recorded, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from modelkeep.domain.evidence import Fact
from modelkeep.domain.formats import Format

# In place of a dataset's digest: evidence that has one, whichever.
ANY_DATASET = "*"


@dataclass(slots=True)  # not frozen, as a verdict
class Wanted:
    """Which evidence counts; None where anything does.

    Attributes:
        kind: of evidence, such as `validation`.
        producers: names, one of which must have posted it and proved who it is.
        dataset: the name of the data it was measured on.
        dataset_digest: of that data.
        since: UTC milliseconds; none that is older.
    """

    kind: str | None = None
    producers: tuple[str, ...] | None = None
    dataset: str | None = None
    dataset_digest: str | None = None
    since: int | None = None


class Facts(Protocol):
    """About one version on its way into, or out of, one target.

    Attributes:
        now: UTC milliseconds.
        number: of the version.
        target: where it goes, or what it leaves.
        tags: by key.
        description: None when there is none.
        is_pinned: whether it has files of its own here.
        damaged: the path of a file of it whose bytes are damaged, None when they are whole.
        holder: the number of the version whose place it would take, None when the target is empty.
    """

    @property
    def now(self) -> int: ...

    @property
    def number(self) -> int: ...

    @property
    def target(self) -> str: ...

    @property
    def tags(self) -> dict[str, str]: ...

    @property
    def description(self) -> str | None: ...

    @property
    def is_pinned(self) -> bool: ...

    @property
    def damaged(self) -> str | None: ...

    @property
    def holder(self) -> int | None: ...

    def holder_of(self, target: str) -> int | None:
        """The number of the version that holds another target now."""

    def metric(self, number: int, key: str, wanted: Wanted) -> Fact | None:
        """The newest evidence about the bytes of a version of this model that has a metric."""

    def evidence(self, wanted: Wanted) -> Fact | None:
        """The newest evidence about this version's bytes."""

    def format(self, number: int) -> Format | None:
        """The format of a version of this model; None when it is not pinned or has no MLmodel file."""

    def held(self, target: str) -> int | None:
        """For how many milliseconds this version has held a target, or did when it did longest; None if it never did."""
