"""The dependency rule, read from the imports: who may know whom.

``core`` knows nobody; ``services`` know ``core``; providers, CRMs and the store know ``core`` and their own client
library, never each other; the doors know ``core`` and ``services``; only ``wiring`` knows everybody. The product and
the stand-ins never meet. No import inside a function, no cycle.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PRODUCT = ("gateway", "webhooks", "workers", "wsgi")
HOUSE = (*PRODUCT, "sandbox", "migrations", "tests", "bench")
DOORS = ("gateway.web", "webhooks", "workers")
ADAPTERS = ("gateway.providers", "gateway.crms", "gateway.store")

# Who may import what of the house: the first pattern that fits the importing module decides.
ALLOWED = {
    r"gateway\.core(\..*)?": r"gateway\.core(\..*)?",
    r"gateway\.services(\..*)?": r"gateway\.((core|services)(\..*)?|crash)",
    r"gateway\.providers\.(?P<own>\w+)(\..*)?": r"gateway\.(core(\..*)?|providers\.({own}(\..*)?|http))",
    r"gateway\.providers": r"gateway\.(core|providers)(\..*)?",
    r"gateway\.crms\.(?P<own>\w+)(\..*)?": r"gateway\.(core(\..*)?|crms\.({own}(\..*)?|http|hosts|words|plain|note))",
    r"gateway\.crms": r"gateway\.(core|crms)(\..*)?",
    r"gateway\.store(\..*)?": r"gateway\.(core|store)(\..*)?",
    r"gateway\.web\.app": r"gateway\.((core|services|web)(\..*)?|deployment)|webhooks\.views",
    r"gateway\.web(\..*)?": r"gateway\.((core|services|web)(\..*)?|deployment|settings|telemetry|redaction)",
    r"gateway\.wiring": r"gateway(\.(?!web\b).*)?|workers\.queue",
    r"gateway\.deployment": r"gateway\.((core|services)(\..*)?|settings|tally)",
    r"gateway\.(settings|environment|telemetry|redaction|sentry)": r"gateway\.(settings|environment|redaction)",
    r"gateway\.(alarm|clock|crash|tally)": r"gateway\.core(\..*)?",
    r"gateway": r"(?!)",
    r"webhooks(\..*)?": r"gateway\.((core|services)(\..*)?|crash)|webhooks(\..*)?",
    r"workers\.queue": r"gateway\.core(\..*)?",
    r"workers(\..*)?": (
        r"gateway(\.((core|services)(\..*)?|wiring|deployment|settings|telemetry|crash))?|workers(\..*)?"
    ),
    r"wsgi": r"gateway(\.(core(\..*)?|wiring|settings|telemetry|web\.(app|cli_doctor)))?",
    r"sandbox(\..*)?": r"sandbox(\..*)?",
}
# Libraries that only some may know, by the top of their name.
KEPT_TO = {
    "rq": ("workers",),
    "redis": ("workers", "sandbox", "gateway.wiring"),
    "flask": ("gateway.web", "webhooks", "sandbox", "wsgi"),
    "sqlalchemy": ("gateway.store", "migrations", "gateway.wiring", "wsgi"),
    "psycopg": ("gateway.store", "sandbox"),
    "googleapiclient": ("gateway.providers.google", "sandbox.google"),
    "msal": ("gateway.providers.outlook",),
    "marshmallow": ("gateway.web",),
    "prometheus_client": ("gateway.web.metrics",),
}
CORE_MAY_USE = {"regex", "tzdata"}


def sources() -> dict[str, Path]:
    """Every module of the product and the stand-ins, by its dotted name."""
    found = {}
    for top in ("gateway", "webhooks", "workers", "sandbox"):
        for path in sorted((REPOSITORY / top).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found | {path.stem: path for path in [REPOSITORY / "wsgi.py"] if path.exists()}


SOURCES = sources()


def names_imported(module: str, node: ast.AST) -> Iterator[str]:
    """The modules behind one import statement; ``from package import module`` means the module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module} imports relatively"
        base = node.module or ""
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            yield whole if whole in SOURCES else base


def imports(module: str) -> set[str]:
    """Everything that a module imports anywhere in its text, itself aside."""
    tree = ast.parse(SOURCES[module].read_text())
    return {name for node in ast.walk(tree) for name in names_imported(module, node)} - {module}


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def rule_for(module: str) -> str:
    """What this module may import of the house, as a pattern."""
    for pattern, rule in ALLOWED.items():
        if found := re.fullmatch(pattern, module):
            return rule.replace("{own}", re.escape(found.groupdict().get("own") or ""))
    raise AssertionError(f"{module} has no place in the house")


@pytest.mark.parametrize("module", SOURCES)
def test_modules_know_only_whom_they_may(module: str) -> None:
    allowed = re.compile(rule_for(module))
    of_the_house = {name for name in imports(module) if name.split(".")[0] in HOUSE}
    assert {name for name in of_the_house if not allowed.fullmatch(name)} == set()


@pytest.mark.parametrize("module", SOURCES)
def test_libraries_stay_where_they_belong(module: str) -> None:
    used = {name.split(".")[0] for name in imports(module)}
    strangers = {name for name in used & KEPT_TO.keys() if not is_in(module, KEPT_TO[name])}
    assert strangers == set()
    if is_in(module, ("gateway.core",)):
        assert used - sys.stdlib_module_names - CORE_MAY_USE - {"gateway"} == set()


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_imported_inside_a_function(module: str) -> None:
    tree = ast.parse(SOURCES[module].read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    nodes = (node for function in functions for node in ast.walk(function))
    inside = [node.lineno for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    assert inside == []


def test_there_is_no_cycle() -> None:
    known = {module: {name for name in imports(module) if name in SOURCES} for module in SOURCES}
    for module, names in known.items():  # a package's front page may gather its own modules
        names.difference_update({name for name in names if module.startswith(f"{name}.")})
    graphlib.TopologicalSorter(known).prepare()
