"""The forms beside the editor's: policies and blackouts; and what is planned by day."""

from datetime import UTC, date, datetime

import pytest

from raa.db.schedule import ScheduleInterval, ScheduleWeekly, freeze
from raa.lib import blackoutform, policyform
from raa.lib.schedulepreview import rule_preview
from raa.planning.blackout import from_values
from raa.planning.rule import Rule
from raa.rpath_error import InvalidInput
from raa.web.planned import planned

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday


def row(**more: object) -> dict:
    return {"policy": {}, "resource": "", "timeout": None, "broken": "", "runs": 0, **more}


# -- policies


@pytest.mark.parametrize(
    "stored",
    [
        row(),
        row(policy={"window": 5400.0, "catch_up": "all", "catch_up_max": 3}, timeout=90.0, resource="tape"),
        row(policy={"delay": 10.5, "retries": 100, "retry_wait": 0.6, "overlap": "allow"}, timeout=1.0),
    ],
)
def test_policies_sent_back_as_they_are_shown_stay_what_they_are(stored):
    again = policyform.parse(policyform.values(stored), stored)

    assert policyform.values({**stored, **again}) == policyform.values(stored)
    assert again["timeout"] == stored["timeout"]
    assert policyform.policy_of({**stored, **again}) == policyform.policy_of(stored)


def test_fields_that_did_not_come_keep_what_is_stored_and_so_do_blackouts():
    stored = row(policy={"retries": 2, "blackouts": [{"begin": "22:00", "end": "23:00", "zone": "UTC"}]}, timeout=60.0)

    changed = policyform.parse({"delay": "1,5"}, stored)

    assert (changed["policy"]["retries"], changed["policy"]["delay"], changed["timeout"]) == (2, 90.0, 60.0)
    assert changed["policy"]["blackouts"] == stored["policy"]["blackouts"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("catch_up", "some"), ("catch_up_max", "0"), ("catch_up_max", "1e3"), ("catch_up_max", "\u0663"),
        ("window", "-1"), ("window", "nan"), ("overlap", ""), ("delay", "10081"), ("retries", "101"), ("retries", "-1"),
        ("retry_wait", "1441"), ("timeout", "0"), ("timeout", "527041"), ("timeout", "soon"), ("resource", "x" * 81),
        ("resource", "a\x1bb"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_at_its_field(name, text):
    with pytest.raises(InvalidInput) as caught:
        policyform.parse({name: text}, row())

    assert set(caught.value.problems) == {name}


def test_policies_are_told_in_words():
    stored = row(policy={"retries": 2, "window": 3600, "catch_up": "all", "delay": 90}, timeout=7200, resource="tape")

    told = dict(policyform.facts(stored))

    assert told["After downtime"] == "All of what was missed, the latest 10, if it is at most 1 h late"
    assert told["After a failure"] == "Tried again up to 2 times, first after 1 min 00 s"
    assert told["Time limit"] == "2 h"


# -- blackouts


def test_a_weekly_blackout_is_read_with_its_zone():
    made = blackoutform.parse({"days": ["sat"], "from": "9:05", "to": "2330", "zone": "Asia/Tokyo"}, "UTC")

    assert (made.begin, made.end, made.days, made.zone) == ("09:05", "23:30", 1 << 5, "Asia/Tokyo")


def test_problems_of_a_blackout_stand_under_the_forms_own_names():
    with pytest.raises(InvalidInput) as caught:
        blackoutform.parse({"days": "sat", "from": "22:00", "to": "22:00"}, "UTC")
    assert set(caught.value.problems) == {"to"}

    with pytest.raises(InvalidInput) as caught:
        blackoutform.parse({"when": "once", "begin": "2026-12-24T18:00", "end": "2026-12-24"}, "UTC")
    assert set(caught.value.problems) == {"end"}


# -- what is planned


def plan(rule: Rule, begin: datetime, end: datetime, **more: object) -> list[tuple[date, int]]:
    due = more.pop("next_due", rule.start.timestamp())
    found = planned(row(rule=rule.to_values(), next_due=due, **more), begin, end, "Europe/Berlin", ())
    return [(one.day, one.count) for one in found]


def test_many_runs_a_day_are_one_line_and_days_have_the_hours_that_they_have():
    rule = freeze(ScheduleInterval(datetime(2026, 10, 1, tzinfo=UTC), None, 1, 2), NOW, "Europe/Berlin")  # hourly

    found = plan(rule, datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 26, 23, tzinfo=UTC))

    assert found == [(date(2026, 10, 24), 24), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)]


def test_the_greatest_number_of_runs_ends_the_plan():
    sched = ScheduleInterval(datetime(2026, 11, 24, 1, 30, tzinfo=UTC))
    sched.maxRuns = 4
    rule = freeze(sched, NOW, "Europe/Berlin")

    found = plan(rule, NOW, datetime(2026, 12, 6, tzinfo=UTC), runs=1)
    later = plan(rule, datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 12, 6, tzinfo=UTC), runs=1)

    assert found == [(date(2026, 11, day), 1) for day in (24, 25, 26)]
    assert later == [(date(2026, 11, 26), 1)]


def test_a_plan_names_the_end_of_the_blackout_or_that_it_is_skipped():
    rule = freeze(ScheduleWeekly(datetime(2026, 11, 24, 1, 30, tzinfo=UTC), None, 127), NOW, "Europe/Berlin")
    closed = from_values([{"begin": "02:00", "end": "04:00", "days": ["tue"]}], "Europe/Berlin")
    arguments = (NOW, datetime(2026, 11, 25, tzinfo=UTC), "Europe/Berlin", closed)
    stored = row(rule=rule.to_values(), next_due=rule.start.timestamp())

    waits = next(planned(stored, *arguments))
    skips = next(planned({**stored, "policy": {"catch_up": "none"}}, *arguments))

    assert waits.note == "waits until Tue 24 Nov 2026, 04:00"
    assert skips.note == "skipped, blackout"


def test_nothing_is_planned_for_a_paused_or_unreadable_schedule():
    assert list(planned(row(rule={}, next_due=1.0), NOW, NOW, "UTC", ())) == []
    rule = freeze(ScheduleInterval(NOW), NOW, "UTC")
    assert plan(rule, NOW, datetime(2027, 1, 1, tzinfo=UTC), next_due=None) == []


# -- previews


def test_a_preview_shows_the_appliances_time_first_and_the_schedules_where_it_differs():
    rule = Rule(kind="weekly", days=1, zone="Asia/Tokyo", start=datetime(2026, 11, 29, 16, 0, tzinfo=UTC))

    found = rule_preview(rule, NOW, "Europe/Berlin")

    assert found["words"] == "Every Monday at 01:00, Asia/Tokyo"
    assert found["runs"][0] == {
        "due": "2026-11-29T17:00:00+01:00", "text": "Sun 29 Nov 2026, 17:00", "note": "",
        "there": "Mon 30 Nov 2026, 01:00 in Asia/Tokyo",
    }  # fmt: skip


def test_a_preview_warns_of_a_change_of_the_clocks_that_its_runs_do_not_reach():
    rule = Rule(kind="weekly", days=127, zone="Europe/Berlin", start=datetime(2026, 11, 24, 1, 30, tzinfo=UTC))

    assert rule_preview(rule, NOW, "Europe/Berlin")["later"] == ["02:30 does not exist on 28 Mar; runs at 03:30 (2027)"]
    later = rule_preview(rule, datetime(2027, 3, 26, tzinfo=UTC), "Europe/Berlin")
    assert "02:30 does not exist on 28 Mar" in later["runs"][2]["note"]
