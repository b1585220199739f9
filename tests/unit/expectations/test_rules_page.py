"""The page of the rules in the documentation is the catalogue's."""

from __future__ import annotations

from expectations.catalogue import CATALOGUE
from expectations.rules_page import PAGE, main, rules_page


def test_the_page_is_what_the_catalogue_says():
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "write it again: python -m expectations.rules_page"


def test_every_rule_has_its_why_and_its_remedy(tmp_path):
    main(tmp_path / "rules.md")

    page = (tmp_path / "rules.md").read_text(encoding="utf-8")
    for rule in CATALOGUE.rules:
        assert f'### <a id="{rule.id.lower()}"></a>{rule.id}: {rule.title}' in page
        assert f"- Why: {rule.why}" in page
        assert f"- What to do: {rule.remedy}" in page
