"""Battery passports of the five categories of the BatteryPass-Ready data model."""

from ledger.intake.passport.reader import is_passport, parse_passport
from ledger.intake.passport.rules import RULES
from ledger.intake.passport.table import Category, passport_table

__all__ = ["RULES", "Category", "is_passport", "parse_passport", "passport_table"]
