"""Puts the suites to a session through Great Expectations, and trusts nothing that it does not report.

Great Expectations drops an expectation whose type it does not know, passes an empty suite, and reports a raised check
like a failed one. So what it evaluated is compared with what was declared, rule by rule; whatever does not fit is not
evaluated, which is as good as failed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations.catalogue import Catalogue
from expectations.rule import Rule, Stage
from expectations.suites import build_suites
from orchestration.audit.session import AuditSession, first_line

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite


@dataclass(frozen=True)
class Evaluation:
    """What became of one rule.

    Attributes:
        rule_id: The rule.
        violations: Rows that its query returned, counted by Great Expectations; None when it was not evaluated.
        error: Why it was not evaluated, one line.
        seconds: Wall time of its query.
        judged: Subjects that it was put to; None when they were not counted.
    """

    rule_id: str
    violations: int | None
    error: str | None
    seconds: float = 0.0
    judged: int | None = None


def evaluate(session: AuditSession, catalogue: Catalogue, stage: Stage) -> list[Evaluation]:
    """Evaluate every active rule of a stage; exactly one evaluation each, in the catalogue's order. Never raises."""
    rules = catalogue.active(stage)
    try:
        reported = _run_suites(session, catalogue, stage)
    except Exception as error:
        return [Evaluation(rule.id, None, f"Great Expectations failed: {first_line(error)}") for rule in rules]
    return [_judge(session, rule, stage, reported.get(rule.id, [])) for rule in rules]


@dataclass(frozen=True)
class _Reported:
    success: bool
    raised: str | None
    violations: Any
    suite_error: str | None


def _run_suites(session: AuditSession, catalogue: Catalogue, stage: Stage) -> dict[str, list[_Reported]]:
    """Run the suites of a stage. Returns what Great Expectations reported, by the rule that each result names."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from orchestration.audit import gx_duckdb

    reported: dict[str, list[_Reported]] = {}
    # It prints notes on its first use; they are about features that we do not use.
    with redirect_stdout(io.StringIO()), gx_duckdb.served(session) as arguments:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql(
            "warehouse",
            connection_string=gx_duckdb.URL,
            create_temp_table=False,
            kwargs={"connect_args": arguments},
        )
        batch = source.add_query_asset("run", query="select * from audit.run").add_batch_definition_whole_table("run")
        for suite in build_suites(catalogue, stage):
            declared = [rule.id for rule in catalogue.active(stage) if f"{stage}_{rule.suite}" == suite.name]
            validation = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite))
            result = context.validation_definitions.add(validation).run(result_format="BASIC")
            suite_error = _suite_error(suite, declared, result.statistics["evaluated_expectations"])
            for entry in result.results:
                rule_id = entry.expectation_config.kwargs.get("rule_id", "")
                reported.setdefault(rule_id, []).append(
                    _Reported(
                        success=bool(entry.success),
                        raised=_raised(entry.exception_info or {}),
                        violations=(entry.result or {}).get("observed_value"),
                        suite_error=suite_error,
                    )
                )
    return reported


def _suite_error(suite: ExpectationSuite, declared: Sequence[str], evaluated: int) -> str | None:
    loaded = len(suite.expectations)
    if loaded == evaluated == len(declared):
        return None
    return f"suite {suite.name}: {len(declared)} rules declared, {loaded} loaded, {evaluated} evaluated"


def _raised(exception_info: Mapping[str, Any]) -> str | None:
    """Return what a check raised, None when it says that it raised nothing.

    The information is flat for a check that raised nothing, and one dictionary per metric for one that did.
    """
    if exception_info.get("raised_exception") is False:
        return None
    messages = [entry.get("exception_message") for entry in exception_info.values() if isinstance(entry, Mapping)]
    return next((str(message).splitlines()[0][:300] for message in messages if message), "the check raised an error")


def _judge(session: AuditSession, rule: Rule, stage: Stage, reported: Sequence[_Reported]) -> Evaluation:
    answers = [answer for query, answer in session.answers.items() if f"/* {rule.id} */" in query]
    seconds = sum(answer.seconds for answer in answers)
    error = next((first_line(answer.error) for answer in answers if answer.error), None)
    if len(reported) != 1:
        error = error or f"evaluated {len(reported)} times, expected once"
    else:
        entry = reported[0]
        if entry.suite_error:
            error = error or entry.suite_error
        elif entry.raised:
            error = error or entry.raised
        elif type(entry.violations) is not int or entry.success != (entry.violations == 0):
            error = error or "Great Expectations reported no count"
        elif not answers:
            error = "its query never reached the warehouse"
    return Evaluation(rule.id, None if error else reported[0].violations, error, seconds)
