"""Passports of the five categories, made from the two published ones; read in place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.intake.passport import Category, passport_table
from ledger.intake.passport.table import ROOT

Passport = dict[str, Any]


@pytest.fixture(scope="session")
def schemas(shared_data: Path) -> dict[Category, dict[str, Any]]:
    """The published JSON Schemas."""
    folder = shared_data / "battery" / "passport"
    return {category: json.loads((folder / f"{category}.schema.json").read_bytes()) for category in Category}


@pytest.fixture(scope="session")
def published(shared_data: Path) -> dict[str, bytes]:
    """The two published passports, as bytes."""
    folder = shared_data / "battery" / "passport"
    return {name: (folder / f"{name}.json").read_bytes() for name in ("ev", "stationary")}


@pytest.fixture(scope="session")
def passports(schemas: dict[Category, dict[str, Any]], published: dict[str, bytes]) -> dict[Category, Passport]:
    """One valid passport a category: the attributes of the two published ones that its schema knows."""
    ev, stationary = (json.loads(published[name])[ROOT] for name in ("ev", "stationary"))
    return {category: _passport(category, schemas[category]["$defs"], ev, stationary) for category in Category}


def _passport(category: Category, definitions: dict[str, Any], ev: Passport, stationary: Passport) -> Passport:
    made: Passport = {}
    for group in passport_table().groups:
        known = definitions[group]["properties"]
        source = {**stationary[group], **ev[group]} if category is Category.EV else {**ev[group], **stationary[group]}
        made[group] = copy.deepcopy({name: value for name, value in source.items() if name in known})
    made["IdentifiersAndProductData"]["BatteryCategory"]["batteryCategoryValue"] = passport_table().category_values[
        category
    ]
    if category is Category.INDUSTRIAL_WITHOUT_BMS:
        made["BatteryMaterialsAndComposition"]["BatteryChemistry"]["chemicalCodeValue"] = "Pb"
    return {ROOT: made}


@pytest.fixture
def passport(passports: dict[Category, Passport]) -> Callable[[Category], Passport]:
    """A fresh copy of the passport of one category."""
    return lambda category: copy.deepcopy(passports[category])
