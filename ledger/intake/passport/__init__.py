"""Battery passports of the five categories of the BatteryPass-Ready data model."""

from ledger.intake.passport.reader import UPDATED, battery_of, is_passport, parse_passport
from ledger.intake.passport.rule_codes import RULES
from ledger.intake.passport.table import Category, passport_table

__all__ = ["RULES", "UPDATED", "Category", "battery_of", "is_passport", "parse_passport", "passport_table"]
