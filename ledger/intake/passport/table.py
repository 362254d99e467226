"""The table of passport attributes, and the models it makes: one for each category and edition of the law."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType

from ledger.intake.model import Field, Need, Record
from ledger.intake.passport.shapes import CHEMISTRIES, SHAPES, Shape, category_shape, chemistry_shape

ROOT = "Battery_Passport"
_NEEDS = {"M": Need.REQUIRED, "o": Need.OPTIONAL}


class Category(StrEnum):
    """The five models of the data model, in the order of the letters of ``Attribute.need``."""

    EV = "EV"
    LMT = "LMT"
    INDUSTRIAL_WITHOUT_BMS = "IndustrialWithoutBMS"
    OTHER_INDUSTRIAL = "OtherIndustrial2kWh"
    STATIONARY = "StationaryIndustrial2kWh"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the data model.

    Attributes:
        group: The object it stands in.
        name: Its official name, unique over all groups.
        type: Name of its shape.
        need: One letter a category: M mandatory, o optional, - not in the model.
        sign: ``positive``, ``not-negative`` or ``""``: which numbers make sense, beyond the schema.
        longlist: Numbers in the Battery Pass longlist.
        guidance: Numbers of the Commission's data points.
        extension: Not in the published model, but ours.
    """

    group: str
    name: str
    type: str
    need: str
    sign: str = ""
    longlist: tuple[int, ...] = ()
    guidance: tuple[int, ...] = ()
    extension: bool = False

    @property
    def field(self) -> str:
        """Name of the event field."""
        return f"{self.group}.{self.name}"


@dataclass(frozen=True, slots=True)
class Edition:
    """What applied from one day on.

    Attributes:
        name: Short name.
        valid_from: First day.
        source: Where it stands.
        pending: Why an attribute is not yet required, by its name.
        not_applicable: Why an attribute is not to be filled, by (category, name).
    """

    name: str
    valid_from: date
    source: str
    pending: Mapping[str, str]
    not_applicable: Mapping[tuple[Category, str], str]


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table.

    Attributes:
        attributes: By name.
        groups: Group names in order.
        category_values: Text of ``batteryCategoryValue``, by category.
        editions: In the order of their first days.
    """

    attributes: Mapping[str, Attribute]
    groups: tuple[str, ...]
    category_values: Mapping[Category, str]
    editions: tuple[Edition, ...]

    def edition_at(self, as_of: date) -> Edition:
        """Return the edition in force on a day; before the first, the first."""
        past = [edition for edition in self.editions if edition.valid_from <= as_of]
        return past[-1] if past else self.editions[0]

    def shape(self, attribute: Attribute, category: Category) -> Shape:
        """Return what the value of an attribute must be in one category."""
        if attribute.type == "category":
            return category_shape(self.category_values[category])
        if attribute.type == "chemistry":
            return chemistry_shape(("Pb",) if category is Category.INDUSTRIAL_WITHOUT_BMS else CHEMISTRIES)
        return SHAPES[attribute.type]


@cache
def passport_table() -> Table:
    """Return the table of this release."""
    return table_from(tomllib.loads(resources.files(__package__).joinpath("attributes.toml").read_text("utf-8")))


def table_from(data: Mapping[str, object]) -> Table:
    """Build a table from parsed TOML.

    Args:
        data: *Verified*: our own file.
    """
    raw: dict = dict(data)  # type: ignore[type-arg]
    attributes = {}
    for section, extension in (("attributes", False), ("extensions", True)):
        for group, lines in raw.get(section, {}).items():
            for name, line in lines.items():
                attributes[name] = _attribute(group, name, line, extension)
    editions = tuple(sorted((_edition(line) for line in raw["edition"]), key=lambda edition: edition.valid_from))
    values = {Category(line["name"]): line["value"] for line in raw["category"]}
    return Table(MappingProxyType(attributes), tuple(raw["attributes"]), MappingProxyType(values), editions)


def _attribute(group: str, name: str, line: dict, extension: bool) -> Attribute:  # type: ignore[type-arg]
    longlist, guidance = tuple(line.get("longlist", ())), tuple(line.get("guidance", ()))
    return Attribute(group, name, line["type"], line["need"], line.get("sign", ""), longlist, guidance, extension)


def _edition(line: dict) -> Edition:  # type: ignore[type-arg]
    pending = {name: point["reason"] for point in line.get("pending", ()) for name in point["attributes"]}
    not_applicable = {
        (Category(category), name): point["reason"]
        for point in line.get("not_applicable", ())
        for category in point["categories"]
        for name in point["attributes"]
    }
    frozen = MappingProxyType(not_applicable)
    return Edition(line["name"], line["from"], line["source"], MappingProxyType(pending), frozen)


@cache
def current_model(category: Category, edition_name: str) -> Record:
    """Return the model of one category and edition of `passport_table`, made once."""
    table = passport_table()
    edition = next(edition for edition in table.editions if edition.name == edition_name)
    return passport_model(table, category, edition)


def passport_model(table: Table, category: Category, edition: Edition) -> Record:
    """Make the model of a whole document for one category and edition."""
    groups = {group: _group_field(table, group, category, edition) for group in table.groups}
    return Record({ROOT: Field(Record(groups))})


def _group_field(table: Table, group: str, category: Category, edition: Edition) -> Field:
    column = list(Category).index(category)
    fields: dict[str, Field] = {}
    elsewhere: dict[str, str] = {}
    for attribute in table.attributes.values():
        if attribute.group != group:
            continue
        letter = attribute.need[column]
        if letter == "-":
            elsewhere[attribute.name] = f"not an attribute of {category} batteries; kept, and never public"
        else:
            fields[attribute.name] = _attribute_field(table, attribute, category, edition)
    needs = {field.need for field in fields.values()}
    need = next(need for need in (Need.REQUIRED, Need.PENDING, Need.OPTIONAL) if need in needs)
    reason = "its attributes are not yet required" if need is Need.PENDING else ""
    return Field(Record(fields, elsewhere), need, reason)


def _attribute_field(table: Table, attribute: Attribute, category: Category, edition: Edition) -> Field:
    check = table.shape(attribute, category).check
    need = _NEEDS[attribute.need[list(Category).index(category)]]
    reason = edition.pending.get(attribute.name, "")
    if need is Need.REQUIRED and reason:
        need = Need.PENDING
    return Field(check, need, reason)
