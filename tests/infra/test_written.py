"""The tables that people read are those of the template and the sizes, and the arithmetic in them is right."""

import re
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from infra import cost
from infra.size import SIZES as SIZES_BY_NAME
from infra.template import of_type
from infra.written import DEPLOY, README, short, wanted
from service.cli import app
from tests.infra.conftest import SIZES, Json


def test_both_pages_show_what_is_now(synthesised: Callable[[str], Json]) -> None:
    for file, text in wanted(synthesised("demo")).items():
        assert file.read_text() == text, f"{file.name} is not as written: `python -m infra.written`"


def test_a_right_more_shows_as_a_difference(synthesised: Callable[[str], Json]) -> None:
    template = synthesised("demo")
    for name, each in template["Resources"].items():
        if each["Type"] == "AWS::IAM::Policy" and name.startswith("RolesAnswer"):
            each["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = "dynamodb:*"

    assert wanted(template)[README] != README.read_text()


@pytest.mark.parametrize("size", SIZES)
def test_each_row_of_the_costs_multiplies_and_all_of_them_add_up(size: str) -> None:
    between = DEPLOY.read_text().partition(f"<!-- cost-{size}:")[2].partition(f"<!-- end of cost-{size}")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in between.splitlines() if line.startswith("| ")]
    _, *parts, total = rows

    months = [float(quantity) * int(hours) * float(price) for _, quantity, hours, price, _, _ in parts]
    assert [round(each, 2) for each in months] == [float(row[4]) for row in parts]
    assert float(total[4].strip("*")) == pytest.approx(sum(float(row[4]) for row in parts))
    assert float(total[5].split()[0]) == pytest.approx(float(total[4].strip("*")) / 730 * 24, abs=0.01)


@pytest.mark.parametrize("size", SIZES)
def test_the_costs_count_what_the_template_has(size: str, synthesised: Callable[[str], Json]) -> None:
    template, lines = synthesised(size), {each.what: each for each in cost.standing(SIZES_BY_NAME[size])}
    interfaces = [each for each in of_type(template, "AWS::EC2::VPCEndpoint") if each["VpcEndpointType"] == "Interface"]
    tasks = {each["Family"].rpartition("-")[2]: each for each in of_type(template, "AWS::ECS::TaskDefinition")}
    services = {each["ServiceName"]: each["DesiredCount"] for each in of_type(template, "AWS::ECS::Service")}
    [acl] = of_type(template, "AWS::WAFv2::WebACL")
    [domain] = of_type(template, "AWS::OpenSearchService::Domain")
    cluster = domain["ClusterConfig"]

    [endpoints] = [each for what, each in lines.items() if what.startswith("interface endpoints")]
    assert endpoints.quantity == sum(len(each["SubnetIds"]) for each in interfaces)
    cpus = sum(int(tasks[name]["Cpu"]) / 1024 * count for name, count in services.items())
    assert lines["tasks: virtual CPUs"].quantity == cpus
    memory = sum(int(tasks[name]["Memory"]) / 1024 * count for name, count in services.items())
    assert lines["tasks: GB of memory"].quantity == memory
    assert lines["its rules"].quantity == len(acl["Rules"])
    assert lines["keys"].quantity == len(of_type(template, "AWS::KMS::Key"))
    assert lines["alarms"].quantity == len(of_type(template, "AWS::CloudWatch::Alarm"))
    metrics = {each["MetricTransformations"][0]["MetricName"] for each in of_type(template, "AWS::Logs::MetricFilter")}
    assert lines["metrics from logs"].quantity == len(metrics)
    assert lines[f"{cluster['InstanceCount']} {cluster['InstanceType']}"].price == cost.NODES[cluster["InstanceType"]]
    assert (f"3 {cluster.get('DedicatedMasterType')}" in lines) == cluster["DedicatedMasterEnabled"]
    [balancer] = of_type(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert lines["its public addresses"].quantity == len(balancer["Subnets"])


def test_the_page_says_what_a_thousand_answers_pay_for_the_guardrail() -> None:
    assert f"about {cost.month(cost.used()):.2f} dollars for 1,000 answers" in DEPLOY.read_text()


def test_every_price_names_its_page_and_its_day_or_says_check() -> None:
    prices = [each.price for size in SIZES_BY_NAME.values() for each in cost.standing(size)]

    assert all(
        each.page and (each.taken == "check" or re.fullmatch(r"2026-\d\d(-\d\d)?", each.taken)) for each in prices
    )


def test_the_budget_is_above_what_stands_and_not_far() -> None:
    for size in SIZES_BY_NAME.values():
        assert 1 < size.budget / cost.month(cost.standing(size)) < 3


def test_every_command_of_the_page_is_one_that_there_is() -> None:
    lines = [line for block in DEPLOY.read_text().split("```")[1::2] for line in block.splitlines()]
    found = [re.match(r"(?:operate|\.venv/bin/antechamber) ((?:[a-z]+ ?){1,2})", line) for line in lines]
    named = {tuple(each[1].split()) for each in found if each}

    assert {("index", "grant"), ("index", "rebuild"), ("directory", "enrol"), ("status",), ("smoke",)} <= {
        (*each[:1],) if each[0] in {"status", "smoke"} else each for each in named
    }
    for command in named:
        known = command if command[0] in {"index", "directory", "manifest"} else command[:1]
        assert CliRunner().invoke(app, [*known, "--help"]).exit_code == 0, command


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("arn:<AWS::Partition>:dynamodb:eu-central-1:<AWS::AccountId>:table/antechamber-demo-records", "table records"),
        ("<BucketsDocumentsE696B60E.Arn>/staged/*", "documents bucket/staged/*"),
        ("*", "*"),
    ],
)
def test_an_arn_is_told_as_readers_call_it(arn: str, words: str) -> None:
    assert short(arn) == words
