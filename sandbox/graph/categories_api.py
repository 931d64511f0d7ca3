"""The master list of categories, which gives an event's categories their colours.

https://learn.microsoft.com/graph/api/resources/outlookcategory and
https://learn.microsoft.com/graph/api/outlookuser-post-mastercategories
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.graph import errors, listing, render, schema
from sandbox.graph.call import Answer, Call
from sandbox.graph.mailbox import Category


def list_categories(call: Call) -> Answer:
    """The whole list."""
    rows = [render.category_json(one) for one in call.mailbox.categories.values()]
    return listing.collection(call, "outlook/masterCategories", listing.plain_rows(call, rows, schema.CATEGORY))


def create_category(call: Call) -> Answer:
    """A new category: 201; its name has to be another than those there are."""
    body = schema.check(schema.CATEGORY, call.body)
    name = body.get("displayName")
    if not name:
        raise errors.invalid("A category has to have a displayName.")
    if any(one.name == name for one in call.mailbox.categories.values()):
        raise errors.category_exists()
    category = Category(call.world.guid(), name, body.get("color") or "none")
    call.mailbox.categories[category.id] = category
    return _entity(call, category, 201)


def get_category(call: Call) -> Answer:
    """One category."""
    return _entity(call, _found(call), 200)


def update_category(call: Call) -> Answer:
    """Another colour; the name is for ever."""
    body = schema.check(schema.CATEGORY, call.body)
    category = _found(call)
    if body.get("displayName") not in (None, category.name):
        raise errors.invalid("The displayName of a category cannot be changed.")
    changed = replace(category, colour=body.get("color") or category.colour)
    call.mailbox.categories[changed.id] = changed
    return _entity(call, changed, 200)


def delete_category(call: Call) -> Answer:
    """204."""
    del call.mailbox.categories[_found(call).id]
    return Answer(None, 204)


def _found(call: Call) -> Category:
    category = call.mailbox.categories.get(call.path["category_id"])
    if category is None:
        raise errors.item_not_found()
    return category


def _entity(call: Call, category: Category, status: int) -> Answer:
    context = {"@odata.context": call.context("outlook/masterCategories")}
    return Answer({**context, **render.category_json(category)}, status)
