"""What the synthesised stack is made of: where it can be reached, what it keeps, how long, and under which key."""

import json
from collections.abc import Callable

import pytest

from infra.alarms import EVENTS
from infra.choice import Choice
from infra.front import DRAIN, IDLE
from infra.service import GRACE, ROOT
from infra.size import SIZES as SIZES_BY_NAME
from infra.synth import complaints
from infra.template import of_type, text
from service import serving
from service.settings import Settings
from tests.infra.conftest import SIZES, Json


def test_no_route_leads_out_of_the_rooms(template: Json) -> None:
    routes = of_type(template, "AWS::EC2::Route")

    assert not of_type(template, "AWS::EC2::NatGateway")
    assert {text(each["RouteTableId"]).count("edge") for each in routes} == {1}
    assert all("GatewayId" in each for each in routes)


def test_no_task_has_a_public_address_and_none_is_entered_by_a_shell(template: Json) -> None:
    for service in of_type(template, "AWS::ECS::Service"):
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
        assert service["EnableExecuteCommand"] is False
        assert all("room" in text(each) for each in service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"])


def test_only_the_load_balancer_is_reached_from_the_internet(template: Json) -> None:
    inline = [
        rule for each in of_type(template, "AWS::EC2::SecurityGroup") for rule in each.get("SecurityGroupIngress", [])
    ]
    apart = of_type(template, "AWS::EC2::SecurityGroupIngress")

    assert [(each["CidrIp"], each["FromPort"], each["ToPort"]) for each in inline] == [("0.0.0.0/0", 443, 443)]
    assert all("SourceSecurityGroupId" in each for each in apart)
    assert sorted(each["ToPort"] for each in apart) == [443, 443, 8080]


def test_every_endpoint_says_what_may_pass_it(template: Json) -> None:
    endpoints = of_type(template, "AWS::EC2::VPCEndpoint")

    assert len(endpoints) == 8
    for each in endpoints:
        for statement in each["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions)
            signed = "aws:PrincipalAccount" in statement.get("Condition", {}).get("StringEquals", {})
            assert signed or actions == ["s3:GetObject"]


def test_people_come_by_https_only_and_answers_may_take_their_time(template: Json) -> None:
    [listener] = of_type(template, "AWS::ElasticLoadBalancingV2::Listener")
    [balancer] = of_type(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    answer_timeout = Settings.model_fields["answer_timeout"].default

    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    assert attributes["idle_timeout.timeout_seconds"] == str(IDLE)
    [said] = listener["ListenerAttributes"]
    assert said["Key"] == "routing.http.response.strict_transport_security.header_value"
    assert said["Value"] == "max-age=31536000"
    assert answer_timeout < DRAIN < IDLE
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert GRACE > serving.GRACE + serving.CLOSING  # what a task takes to end


def test_writes_go_to_the_documents_service_and_all_else_to_the_answering_one(template: Json) -> None:
    [listener] = of_type(template, "AWS::ElasticLoadBalancingV2::Listener")
    rules = of_type(template, "AWS::ElasticLoadBalancingV2::ListenerRule")
    routed = {
        (
            tuple(rule["Conditions"][0]["PathPatternConfig"]["Values"]),
            tuple(rule["Conditions"][1]["HttpRequestMethodConfig"]["Values"]),
        )
        for rule in rules
    }

    assert routed == {(("/v1/documents/*",), ("PUT", "DELETE")), (("/v1/uploads/*",), ("GET",))}
    assert all("DocumentsTasks" in text(rule["Actions"][0]["TargetGroupArn"]) for rule in rules)
    assert "AnswerTasks" in text(listener["DefaultActions"][0]["TargetGroupArn"])


def test_a_task_keeps_nothing_and_changes_nothing_of_itself(template: Json) -> None:
    for task in of_type(template, "AWS::ECS::TaskDefinition"):
        [container] = task["ContainerDefinitions"]
        assert container["ReadonlyRootFilesystem"] is True
        assert not container.get("Privileged")
        assert [each["ContainerPath"] for each in container["MountPoints"]] == ["/tmp"]  # noqa: S108 - the container's
        assert task["Volumes"] == [{"Name": "tmp"}]


def test_no_two_processes_share_a_role(template: Json) -> None:
    tasks = of_type(template, "AWS::ECS::TaskDefinition")

    assert len({text(each["TaskRoleArn"]) for each in tasks}) == len(tasks) == 4
    assert len({text(each["ExecutionRoleArn"]) for each in tasks}) == 1
    assert not {text(each["TaskRoleArn"]) for each in tasks} & {text(each["ExecutionRoleArn"]) for each in tasks}


def test_tables_can_be_restored_and_are_under_our_key(template: Json) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")

    assert len(tables) == 6
    for each in tables:
        assert each["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert each["SSESpecification"]["SSEType"] == "KMS"
        assert text(each["SSESpecification"]["KMSMasterKeyId"]).startswith("<KeysData")
    expiring = [each["TableName"] for each in tables if "TimeToLiveSpecification" in each]
    assert [each.rpartition("-")[2] for each in expiring] == ["limits"]


def test_documents_can_be_erased_and_checkpoints_can_not(template: Json) -> None:
    buckets = {name: each for name, each in template["Resources"].items() if each["Type"] == "AWS::S3::Bucket"}
    locked = [name for name, each in buckets.items() if each["Properties"].get("ObjectLockEnabled")]

    assert [name for name in locked if name.startswith("BucketsCheckpoints")] == locked
    assert len(locked) == 1
    assert buckets[locked[0]]["DeletionPolicy"] == "Retain"
    for each in buckets.values():
        assert set(each["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert [name for name, each in buckets.items() if each["DeletionPolicy"] == "Retain"] == locked


def test_nothing_is_kept_after_the_stack_but_what_a_lock_keeps(template: Json) -> None:
    kept = {
        each["Type"]
        for each in template["Resources"].values()
        if each.get("DeletionPolicy") not in {None, "Delete"} or each.get("UpdateReplacePolicy") not in {None, "Delete"}
    }

    assert kept == {"AWS::S3::Bucket"}


def test_logs_are_under_our_key_and_end(template: Json) -> None:
    for each in of_type(template, "AWS::Logs::LogGroup"):
        assert text(each["KmsKeyId"]).startswith("<KeysOperations")
        assert each["RetentionInDays"] in {7, 365}


def test_the_firewall_keeps_no_token_and_shows_no_sample(template: Json) -> None:
    [logging] = of_type(template, "AWS::WAFv2::LoggingConfiguration")
    [acl] = of_type(template, "AWS::WAFv2::WebACL")

    assert {each["SingleHeader"]["Name"] for each in logging["RedactedFields"]} == {"authorization", "cookie"}
    seen = [acl["VisibilityConfig"], *(each["VisibilityConfig"] for each in acl["Rules"])]
    assert {each["SampledRequestsEnabled"] for each in seen} == {False}


def test_the_domain_is_closed_encrypted_and_maps_one_role(template: Json) -> None:
    [domain] = of_type(template, "AWS::OpenSearchService::Domain")

    assert domain["EncryptionAtRestOptions"]["Enabled"] is domain["NodeToNodeEncryptionOptions"]["Enabled"] is True
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"] is True
    assert domain["VPCOptions"]["SubnetIds"]
    advanced = domain["AdvancedSecurityOptions"]
    assert (advanced["Enabled"], advanced["InternalUserDatabaseEnabled"]) == (True, False)
    assert text(advanced["MasterUserOptions"]["MasterUserARN"]).startswith("<RolesOperator")
    assert "AnonymousAuthEnabled" not in advanced


def test_every_event_that_wakes_somebody_is_one_that_the_application_logs() -> None:
    sources = "".join(
        path.read_text() for package in ("authz", "retrieval", "service") for path in (ROOT / package).rglob("*.py")
    )

    assert [event for event in EVENTS if f'"{event}"' not in sources] == []


def test_every_alarm_is_heard(template: Json) -> None:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")

    assert len(alarms) >= 15
    assert all(each["AlarmActions"] and each["AlarmDescription"] for each in alarms if "Scaling" not in str(each))
    assert of_type(template, "AWS::Budgets::Budget")
    assert of_type(template, "AWS::CloudWatch::Dashboard")


def test_production_stands_in_two_zones_and_is_not_deleted_by_accident(synthesised: Callable[[str], Json]) -> None:
    production, demo = synthesised("production"), synthesised("demo")
    [domain] = of_type(production, "AWS::OpenSearchService::Domain")

    assert domain["ClusterConfig"]["ZoneAwarenessEnabled"] is True
    assert all(each["DesiredCount"] >= 2 for each in of_type(production, "AWS::ECS::Service"))
    assert all(each["DesiredCount"] == 1 for each in of_type(demo, "AWS::ECS::Service"))
    assert all(each["DeletionProtectionEnabled"] for each in of_type(production, "AWS::DynamoDB::Table"))
    assert not any(each["DeletionProtectionEnabled"] for each in of_type(demo, "AWS::DynamoDB::Table"))
    assert [each["MfaConfiguration"] for each in of_type(production, "AWS::Cognito::UserPool")] == ["ON"]


@pytest.mark.parametrize("size", SIZES)
def test_the_template_passes_cfn_lint(size: str, synthesised: Callable[[str], Json]) -> None:
    assert complaints(json.dumps(synthesised(size)), Choice(SIZES_BY_NAME[size])) == []
