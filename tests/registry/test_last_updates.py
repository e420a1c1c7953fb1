"""The tags and aliases of a version say when it was last updated, whatever is done to it: searches list them by that."""

import itertools

from modelkeep.domain.tags import Tag
from modelkeep.registry import aliases, models, promotions, versions

DIFFERENT = """
    SELECT count(*) FROM {table} t JOIN versions v ON v.model_id = t.model_id AND v.number = t.number
    WHERE t.last_updated_timestamp <> v.last_updated_timestamp
"""


def test_tags_and_aliases_repeat_the_last_update_of_their_version(registry, actor):
    clock = itertools.count(1_000)
    registry.clock = lambda: next(clock)
    models.create(actor, registry, "churn")
    for number in (1, 2, 3):
        versions.register(actor, registry, "churn", f"s3://models/{number}", tags=[Tag("team", "growth")])
    changes = (
        lambda: versions.set_tag(actor, registry, "churn", 1, "audit", "wanted"),
        lambda: aliases.point(actor, registry, "churn", "champion", 1),
        lambda: versions.update(actor, registry, "churn", 1, "What it is for."),
        lambda: promotions.transition(actor, registry, "churn", 1, "Production"),
        lambda: aliases.point(actor, registry, "churn", "champion", 2),
        lambda: promotions.transition(actor, registry, "churn", 2, "Production", archive_existing_versions=True),
        lambda: versions.set_tag(actor, registry, "churn", 1, "audit", "done"),
        lambda: versions.delete(actor, registry, "churn", 1),
        lambda: versions.restore(actor, registry, "churn", 1),
        lambda: models.rename(actor, registry, "churn", "attrition"),
    )
    for done, change in enumerate(changes):
        change()
        with registry.database.read() as tx:
            for table in ("version_tags", "aliases"):
                assert tx.one(DIFFERENT.format(table=table), {}) == (0,), (done, table)

    found = versions.search(actor, registry, "tags.team = 'growth'", max_results=2)
    rest = versions.search(actor, registry, "tags.team = 'growth'", max_results=2, page_token=found.next_page_token)
    assert [each.number for each in (*found.items, *rest.items)] == [1, 2, 3]
