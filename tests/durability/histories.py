"""Whether the events of a registry, and what its clients were answered, are those of one register for each target.

The checker knows what each call means and nothing of how the server does it. It plays the events in their order, asks of
each change that it is the whole of what one call asked for in the state before it, and of each answer without a change
that it was true at some moment while that call was under way.
"""

from __future__ import annotations

import fnmatch
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.durability.promoters import COVERED, LEAST_AUC, OURS, POLICIES, Call
from tests.support.wire import Wire

FOLLOWER = "rollback"
GUARDED = ("Production", "@champion")
LISTED = ("Production", "Staging", "Archived", "@champion", "@challenger", f"@{FOLLOWER}")
_PAGE = 25
_INACTIVE = ("None", "Archived")


class Violation(AssertionError):
    """What cannot have happened."""


def require(holds: bool, *said: object) -> None:
    if not holds:
        raise Violation(" | ".join(str(each) for each in said))


@dataclass
class History:
    """Everything that was seen from outside.

    Attributes:
        start: the position of the last event before the clients.
        lists: what history.list says of (name, target) after them.
    """

    events: list[dict[str, Any]]
    start: int
    calls: list[Call]
    lists: dict[tuple[str, str], list[dict[str, Any]]]


def read_events(wire: Wire) -> list[dict[str, Any]]:
    """Every event."""
    found: list[dict[str, Any]] = []
    while True:
        page = wire.get(f"{OURS}/events", after=found[-1]["position"] if found else 0, limit=1000).json
        if not page.get("events"):
            return found
        found += page["events"]


def read_lists(wire: Wire, names: list[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What history.list says of every target of some models."""
    return {(name, target): list(_read_list(wire, name, target)) for name in names for target in LISTED}


def _read_list(wire: Wire, name: str, target: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = wire.get(f"{OURS}/history/list", name=name, target=target, max_results=_PAGE, **token)
        require(answer.status == 200, answer)
        yield from answer.json.get("holdings", [])
        if not answer.json.get("next_page_token"):
            return
        token = {"page_token": answer.json["next_page_token"]}


class Entry(NamedTuple):
    """A move into a target that a rollback may return to; `was_judged` when the model's name was covered then."""

    position: int
    version: int
    was_judged: bool


@dataclass(frozen=True)
class Model:
    """A model at a moment.

    Attributes:
        digests: None for a version without files.
        entered: for each target what a rollback goes back along, the last at the end.
    """

    name: str
    stages: dict[int, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    digests: dict[int, str | None] = field(default_factory=dict)
    entered: dict[str, tuple[Entry, ...]] = field(default_factory=dict, compare=False)

    @property
    def is_covered(self) -> bool:
        return fnmatch.fnmatchcase(self.name, COVERED)

    def holders(self, target: str) -> list[int]:
        """Who holds a target, the highest number first."""
        if target.startswith("@"):
            return [self.aliases[target[1:]]] if target[1:] in self.aliases else []
        return sorted((number for number, stage in self.stages.items() if stage == target), reverse=True)

    def moved(self, version: int, target: str, archive: bool) -> Model:
        """The model after a version was moved to a target."""
        if target.startswith("@"):
            return replace(self, aliases={**self.aliases, target[1:]: version})
        leaving = self.holders(target) if archive and target not in _INACTIVE else []
        return replace(self, stages={**self.stages, **dict.fromkeys(leaving, "Archived"), version: target})

    def having_entered(self, target: str, version: int, position: int, returns_to: int | None) -> Model:
        """The model with a move noted; one that returns to another takes its place and that of all after it."""
        path = self.entered.get(target, ())
        if returns_to is not None:
            path = tuple(entry for entry in path if entry.position < returns_to)
        return replace(self, entered={**self.entered, target: (*path, Entry(position, version, self.is_covered))})

    def before(self, target: str) -> list[Entry]:
        """What a rollback of a target could return to, the first choice first."""
        held, path = self.holders(target), self.entered.get(target, ())[::-1]
        own = next((index for index, entry in enumerate(path) if entry.version in held), -1)
        return [entry for entry in path[own + 1 :] if held != [entry.version]]

    def without_follower(self) -> Model:
        return replace(self, aliases={alias: to for alias, to in self.aliases.items() if alias != FOLLOWER})


@dataclass(frozen=True)
class World:
    """The registry at a moment: models by the position of the event that made them, and what was measured."""

    models: dict[int, Model] = field(default_factory=dict)
    measured: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def find(self, name: str) -> int | None:
        return next((key for key, model in self.models.items() if model.name == name), None)

    def with_model(self, key: int, model: Model) -> World:
        return replace(self, models={**self.models, key: model})

    def passes(self, model: Model, version: int, target: str) -> bool:
        """Whether the policies let a version enter a target."""
        digest = model.digests[version]
        if digest is None or self.measured.get((digest, "run", "auc"), 0.0) < LEAST_AUC:
            return False
        if target != "@champion":
            return True
        mine = self.measured.get((digest, "validation", "f1"))
        holders = [number for number in model.holders(target) if number != version]
        theirs = [self.measured.get((model.digests[number] or "", "validation", "f1"), 0.0) for number in holders]
        return mine is not None and all(mine >= each for each in theirs)

    def choice(self, model: Model, target: str) -> Entry | None:
        """What a rollback of a target returns to: the last before it that passed when it came, or passes now."""
        for entry in model.before(target):
            if not (model.is_covered and target in GUARDED):
                return entry
            if model.digests[entry.version] is not None and (
                entry.was_judged or self.passes(model, entry.version, target)
            ):
                return entry
        return None


@dataclass(frozen=True)
class Moment:
    """A change between two states; `stays` are the stages in which it left a version alone: (stage, version, position)."""

    events: list[dict[str, Any]]
    key: int | None
    before: World
    after: World
    call: Call | None
    stays: list[tuple[str, int, int]]

    @property
    def first(self) -> int:
        return int(self.events[0]["position"])

    @property
    def last(self) -> int:
        return int(self.events[-1]["position"])


def check(history: History) -> World:
    """Raise a Violation when the history is not one that a linear registry has; the state at its end."""
    calls = {call.id: call for call in history.calls}
    moments: list[Moment] = []
    for moment in _moments(history, calls):
        moments.append(moment)
        if moment.call is not None:
            _check_change(moment)
    _check_answers(history, moments)
    world = moments[-1].after
    _check_lists(history, moments, world)
    return world


def _moments(history: History, calls: dict[str, Call]) -> Iterator[Moment]:
    positions = [event["position"] for event in history.events]
    require(positions == list(range(1, len(positions) + 1)), "positions have gaps", positions)
    changes = [list(events) for _, events in itertools.groupby(history.events, lambda event: event["change_id"])]
    ids = [events[0]["change_id"] for events in changes]
    require(len(set(ids)) == len(ids), "the events of a change are torn apart", ids)
    world = World()
    for events in changes:
        before = world
        key = None
        for event in events:
            key, world = _play(world, event)
        call = None
        if events[0]["position"] > history.start:
            requests = {event["request_id"] for event in events}
            require(len(requests) == 1 and requests <= calls.keys(), "a change that nobody asked for", events)
            call = calls[requests.pop()]
        stays = list(_stays(before, key, call, events))
        for stage, version, position in stays:
            assert key is not None
            returns_to = next(event["payload"].get("returns_to") for event in events if event["position"] == position)
            world = world.with_model(key, world.models[key].having_entered(stage, version, position, returns_to))
        yield Moment(events, key, before, world, call, stays)


def _play(world: World, event: dict[str, Any]) -> tuple[int | None, World]:
    """The model that an event is about, and the state after it."""
    kind, said = event["kind"], event["payload"]
    if kind == "model.created":
        require(world.find(said["model"]) is None, "a name was given twice", event)
        return event["position"], world.with_model(event["position"], Model(said["model"]))
    if kind == "promotion.refused":
        return None, world
    if kind not in ("model.renamed", "version.registered", "evidence.added", "stage.changed", "alias.moved"):
        return None, world
    key = world.find(said["from"] if kind == "model.renamed" else said["model"])
    require(key is not None, "an event about a model that is not called so then", event)
    assert key is not None
    model = world.models[key]
    if kind == "model.renamed":
        require(world.find(said["model"]) is None, "a name was given twice", event)
        model = replace(model, name=said["model"])
    elif kind == "version.registered":
        number = said["version"]
        require(number == len(model.stages) + 1, "numbers do not count up", event)
        model = replace(
            model, stages={**model.stages, number: "None"}, digests={**model.digests, number: said["digest"]}
        )
        if said.get("evidence"):
            world = _measured(world, said["digest"], said["evidence"])
    elif kind == "evidence.added":
        world = _measured(world, said["digest"], said)
    elif kind == "stage.changed":
        stage = model.stages.get(said["version"])
        require(stage == said["from"] != said["to"], f"the version was in {stage}", event)
        model = replace(model, stages={**model.stages, said["version"]: said["to"]})
        # When others leave for one that stays, they say what it returns to.
        returns_to = said.get("returns_to") if said["to"] != "Archived" else None
        model = model.having_entered(said["to"], said["version"], event["position"], returns_to)
    else:
        held = model.aliases.get(said["alias"])
        require(held == said["from"] != said["to"], f"the alias was at {held}", event)
        aliases = {alias: to for alias, to in model.aliases.items() if alias != said["alias"]}
        model = replace(model, aliases=aliases if said["to"] is None else {**aliases, said["alias"]: said["to"]})
        if said["to"] is not None:
            target = f"@{said['alias']}"
            model = model.having_entered(target, said["to"], event["position"], said.get("returns_to"))
    return key, world.with_model(key, model)


def _measured(world: World, digest: str, said: dict[str, Any]) -> World:
    found = {(digest, said["evidence_kind"], metric): value for metric, value in said["values"].items()}
    return replace(world, measured={**world.measured, **found})


def _stays(
    before: World, key: int | None, call: Call | None, events: list[dict[str, Any]]
) -> Iterator[tuple[str, int, int]]:
    """Where a version stayed while the others left; it counts as having come there with the last that left."""
    if call is None or key is None:
        return
    moves = call.asked.get("moves", [])
    if call.asked["do"] == "rollback" and call.status == 200:
        moves = [(int(call.answer["model_version"]["version"]), call.asked["target"], True)]
    for version, target, _ in moves:
        left = [
            event["position"]
            for event in events
            if event["kind"] == "stage.changed" and event["payload"]["from"] == target
        ]
        if left and before.models[key].stages[version] == target:
            yield target, version, left[-1]


def _check_change(moment: Moment) -> None:
    """A change is what its call asked for, all of it and nothing else, and got past the policies."""
    call = moment.call
    assert call is not None
    key = moment.before.find(call.asked["name"])
    require(key is not None, "a change of a model that is not called so then", call, moment.events)
    assert key is not None
    model = moment.before.models[key]
    kinds = {event["kind"] for event in moment.events}
    if call.status == 403:
        require(kinds == {"promotion.refused"}, "a refusal changed something", call, moment.events)
        _check_refusal(moment, model)
        return
    require(call.status == 200, "an answer other than 200 came with a change", call, moment.events)
    require(call.change == moment.events[0]["change_id"], "the answer names another change", call, moment.events)
    require("promotion.refused" not in kinds, "200 for a refusal", call, moment.events)
    if call.asked["do"] == "measure":
        require(kinds == {"evidence.added"}, "measuring is one event", call, moment.events)
        return
    _check_expected(call, model)
    expected = _after(model, call)
    if call.asked["do"] == "rename":
        require(moment.before.find(expected.name) is None, "renamed to a name that is taken", call)
    wanted = moment.before.with_model(key, expected.without_follower())
    found = moment.after.with_model(key, moment.after.models[key].without_follower())
    require(found == wanted, "not what was asked for", call, moment.events, f"from {model}")
    for each in moment.after.models.values():
        require(len(each.holders("Production")) <= 1, "several versions in Production", call, each)
    if call.asked["do"] == "rollback":
        _check_choice(moment, model)
    _check_gates(moment, model, expected)
    _check_follower(call, model, moment.after.models[key])


def _check_expected(call: Call, model: Model) -> None:
    if call.asked.get("expected") is None:
        return
    holder = _holder(call, model)
    require(holder == call.asked["expected"], f"compare-and-set found {holder}", call)


def _holder(call: Call, model: Model) -> int:
    target = call.asked["target"] if "target" in call.asked else call.asked["moves"][0][1]
    return max(model.holders(target), default=0)


def _after(model: Model, call: Call) -> Model:
    """A model after a call that was answered 200."""
    asked = call.asked
    if asked["do"] == "rename":
        return replace(model, name=asked["new_name"])
    if asked["do"] == "unalias":
        return replace(model, aliases={alias: to for alias, to in model.aliases.items() if alias != asked["alias"]})
    if asked["do"] == "rollback":
        version = int(call.answer["model_version"]["version"])
        require(model.holders(asked["target"]) != [version], "a rollback to what is there", call)
        return model.moved(version, asked["target"], archive=True)
    for version, target, archive in asked["moves"]:
        model = model.moved(version, target, archive)
    return model


def _check_refusal(moment: Moment, model: Model) -> None:
    """Every refusal was due in the state that it was given in."""
    call = moment.call
    assert call is not None
    name = call.asked["new_name"] if call.asked["do"] == "rename" else call.asked["name"]
    require(fnmatch.fnmatchcase(name, COVERED), "refused, but no policy covers the name", call)
    for event in moment.events:
        said = event["payload"]
        require(said["model"] == name and said["target"] in GUARDED, "a refusal about something else", call, event)
        due = not moment.before.passes(model, said["version"], said["target"])
        require(due, "a version was refused that passes", call, event, model)


def _check_choice(moment: Moment, model: Model) -> None:
    """A rollback returned to what it should have chosen, and says so."""
    call = moment.call
    assert call is not None
    choice = moment.before.choice(model, call.asked["target"])
    told = {event["payload"]["returns_to"] for event in moment.events if "returns_to" in event["payload"]}
    version = int(call.answer["model_version"]["version"])
    is_it = choice is not None and choice.version == version and told == {choice.position}
    require(is_it, f"the rollback returned to {told} and not to {choice}", call, moment.events, model)


def _check_gates(moment: Moment, model: Model, expected: Model) -> None:
    """No version came under a policy that it does not pass."""
    call, before = moment.call, moment.before
    assert call is not None
    if not expected.is_covered:
        return
    if not model.is_covered:
        held = [(number, target) for target in GUARDED for number in model.holders(target)]
    else:
        held = []
    for number, target in held:
        require(before.passes(model, number, target), f"carried {number} into {target}", call, model)
    for event in moment.events:
        said = event["payload"]
        target = f"@{said['alias']}" if event["kind"] == "alias.moved" else said.get("to")
        number = said["to"] if event["kind"] == "alias.moved" else said.get("version")
        if target not in GUARDED or number is None:
            continue
        judging = [policy["policy"] for policy in POLICIES if target in policy["targets"]]
        told = {each["policy"]: each["passed"] for each in said.get("policies", [])}
        require(told.keys() >= set(judging), "an event does not name the policies", event)
        require(all(told.values()) and not said.get("forced"), "an event says that a policy was overridden", event)
        if call.asked["do"] != "rollback":
            require(before.passes(model, number, target), f"{number} entered {target} without evidence", call, event)


def _check_follower(call: Call, before: Model, after: Model) -> None:
    """The alias that follows is at what held @champion before, from when a policy that says so covers the model."""
    found = after.aliases.get(FOLLOWER)
    wanted = before.aliases.get(FOLLOWER)
    if after.is_covered:
        held = after.holders("@champion")
        wanted = next((entry.version for entry in after.before("@champion") if entry.version not in held), None)
    require(found == wanted, f"@{FOLLOWER} is at {found} and not at {wanted}", call, after)


def _check_answers(history: History, moments: list[Moment]) -> None:
    """Each call happened while it was under way, after all that had ended and before all that had not begun."""
    own = {moment.call.id: moment for moment in moments if moment.call is not None}
    require(len(own) == sum(moment.call is not None for moment in moments), "one call made several changes")
    by_end = sorted((call.ended, own[call.id].last) for call in history.calls if call.id in own)
    by_begin = sorted((call.began, own[call.id].first) for call in history.calls if call.id in own)
    ends, latest = [end for end, _ in by_end], list(itertools.accumulate((last for _, last in by_end), max))
    begins = [begin for begin, _ in by_begin]
    earliest = list(itertools.accumulate((first for _, first in reversed(by_begin)), min))[::-1]
    lasts = [moment.last for moment in moments]
    changes = {moment.events[0]["change_id"] for moment in moments}
    for call in history.calls:
        ended, begun = bisect_left(ends, call.began), bisect_right(begins, call.ended)
        low = latest[ended - 1] if ended else history.start
        high = earliest[begun] if begun < len(earliest) else lasts[-1] + 1
        if call.id in own:
            inside = low < own[call.id].first and own[call.id].last < high
            require(inside, f"a change out of its time, which is between {low} and {high}", call)
            continue
        require(call.change is None or call.change not in changes, "the events of another's change", call)
        require(call.change is None, "a change without events", call)
        possible = moments[bisect_left(lasts, low) : bisect_left(lasts, high)]
        problems = [_problem(moment.after, call) for moment in possible]
        require(None in problems, "an answer that was true at no moment", call, low, high, *problems)


def _problem(world: World, call: Call) -> str | None:
    """Why a call could not be answered so, and change nothing, in a state; None when it could."""
    key, asked = world.find(call.asked["name"]), call.asked
    if key is None:
        return None if call.status == 404 else "there was no such model"
    model = world.models[key]
    if asked["do"] == "look":
        return _look_problem(model, call)
    if asked["do"] == "rename":
        if call.status == 200:
            return None if asked["new_name"] == asked["name"] else "renamed without an event"
        is_taken = world.find(asked["new_name"]) not in (None, key)
        return None if call.status == 400 and is_taken else "the name was free"
    if asked["do"] == "measure":
        is_unpinned = model.digests[asked["version"]] is None
        return None if call.status in (400, 409) and is_unpinned else "it could be measured"
    if call.status == 409:
        if asked.get("expected") not in (None, _holder(call, model)):
            return None
        has_choice = asked["do"] != "rollback" or world.choice(model, asked["target"]) is not None
        return f"held by {_holder(call, model)}, as expected" if has_choice else None
    if call.status != 200 or asked["do"] == "rollback":
        return f"{call.status} has no reason"
    return None if _after(model, call) == model else f"not so in {model}"


def _look_problem(model: Model, call: Call) -> str | None:
    target = call.asked["target"]
    held = max(model.holders(target), default=0)
    if call.status == 400 and target.startswith("@"):
        return None if held == 0 else f"held by {held}"
    if call.status != 200:
        return f"{call.status} has no reason"
    one = call.answer.get("model_version") or next(iter(call.answer.get("model_versions", [])), None)
    seen = int(one["version"]) if one else 0
    return None if seen == held else f"held by {held}, not {seen}"


def _check_lists(history: History, moments: list[Moment], world: World) -> None:
    """What history.list says is what the events say."""
    require(bool(history.lists), "no list was read")
    for (name, target), listed in history.lists.items():
        key = world.find(name)
        require(key is not None, f"nothing is called {name}")
        expected = list(_holdings([moment for moment in moments if moment.key == key], target))[::-1]
        found = [
            {
                **{
                    field: each.get(field)
                    for field in ("position", "change_id", "cause", "returns_to", "since", "until")
                },
                "version": int(each["version"]),
            }
            for each in listed
        ]
        require(found == expected, f"history.list of {name} {target}", f"listed {found}", f"events {expected}")


def _holdings(moments: list[Moment], target: str) -> Iterator[dict[str, Any]]:
    """Who held a target by the events, in order."""
    # Each entry as (position, place, version): the place is the alias, or the version when it is in another stage.
    entries: list[tuple[int, str, int | None]] = []
    events = {event["position"]: event for moment in moments for event in moment.events}
    for position, event in events.items():
        said = event["payload"]
        if event["kind"] == "alias.moved":
            entries.append((position, f"@{said['alias']}", said["to"]))
        elif event["kind"] == "stage.changed":
            entries.append((position, said["to"], said["version"]))
    entries += [(position, stage, version) for moment in moments for stage, version, position in moment.stays]
    entries.sort(key=lambda entry: entry[0])
    is_alias = target.startswith("@")
    for position, place, version in entries:
        if place != target or version is None:
            continue
        end = next(
            (
                at
                for at, other, number in entries
                if at > position and (other == target if is_alias else number == version and not other.startswith("@"))
            ),
            None,
        )
        event = events[position]
        yield {
            "position": position,
            "change_id": event["change_id"],
            "cause": event["payload"]["cause"],
            "returns_to": event["payload"].get("returns_to"),
            "since": event["recorded_timestamp"],
            "until": None if end is None else events[end]["recorded_timestamp"],
            "version": version,
        }
