"""Everything of one deployment, gone: `make destroy`. What a lock keeps is left, and named with its day.

Order matters: buckets are emptied before the stack, which cannot delete a full one, and protection is lifted first.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from infra.size import SIZES

_ATTEMPTS = 3
_PATIENCE = {"Delay": 30, "MaxAttempts": 120}
"""Seconds between two looks, and looks."""


def main(arguments: list[str]) -> int:
    """Delete the deployment that `arguments` name: its size, its stack's name again to confirm, and its region."""
    size, confirmed, region = [*arguments, "", "", ""][:3]
    if size not in SIZES or not region or confirmed != f"{confirmed.rpartition('-')[0]}-{size}":
        print("usage: make destroy SIZE=demo CONFIRM=antechamber-demo REGION=eu-central-1")
        print("It deletes documents, registry, directory, records and people's sign-ins for good.")
        return 2
    for line in tear_down(confirmed, boto3.Session(region_name=region)):
        print(line)
    return 0


def tear_down(stack: str, session: Any) -> Iterator[str]:
    """Delete `stack` and what it leaves; yield what is done, and at the end what is left."""
    cloudformation = session.client("cloudformation")
    resources = _resources(cloudformation, stack)
    images = set(_images(session, resources))
    # (1): what refuses to be deleted.
    yield from _unprotect(session, stack, resources)
    # (2): buckets, but for the one with the lock, which stays behind.
    locked = [each for each in resources.get("AWS::S3::Bucket", []) if _is_locked(session, each)]
    others = [each for each in resources.get("AWS::S3::Bucket", []) if each not in locked]
    for bucket in others:
        yield f"{_empty(session, bucket)} versions of objects deleted from {bucket}"
    # (3): the stack.
    delete(cloudformation, stack, lambda: [_empty(session, each) for each in others])
    yield f"{stack} is deleted"
    # (4): what it left.
    for repository, tag in sorted(images):
        session.client("ecr").batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": tag}])
        yield f"image {tag[:12]} deleted from {repository}"
    for bucket in locked:
        yield _leave(session, bucket)
    yield "left, at no cost: two keys that wait for their deletion, and the CDK's own bootstrap stack"


def delete(cloudformation: Any, stack: str, empty: Callable[[], object]) -> None:
    """Delete `stack`; log files that came into a bucket meanwhile make it fail, so it is tried again after `empty`.

    Raises `WaiterError` if that does not help.
    """
    for left in reversed(range(_ATTEMPTS)):
        cloudformation.delete_stack(StackName=stack)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=_PATIENCE)
        except WaiterError:
            if not left:
                raise
            empty()
        else:
            return


def _resources(cloudformation: Any, stack: str) -> dict[str, list[str]]:
    """Return the physical ids of what the stack holds, by type."""
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            found.setdefault(each["ResourceType"], []).append(each.get("PhysicalResourceId", ""))
    return found


def _unprotect(session: Any, stack: str, resources: dict[str, list[str]]) -> Iterator[str]:
    cloudformation = session.client("cloudformation")
    if cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    for table in resources.get("AWS::DynamoDB::Table", []):
        session.client("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=False)
    for pool in resources.get("AWS::Cognito::UserPool", []):
        session.client("cognito-idp").update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    for balancer in resources.get("AWS::ElasticLoadBalancingV2::LoadBalancer", []):
        session.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
        )
        # Or its last log lines come into a bucket that is empty already.
        session.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "access_logs.s3.enabled", "Value": "false"}]
        )
    yield "protection lifted"


def _images(session: Any, resources: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield repository and tag of the image that each task definition names."""
    for task in resources.get("AWS::ECS::TaskDefinition", []):
        described = session.client("ecs").describe_task_definition(taskDefinition=task)["taskDefinition"]
        for container in described["containerDefinitions"]:
            repository, _, tag = container["image"].partition("/")[2].partition(":")
            yield repository, tag


def _is_locked(session: Any, bucket: str) -> bool:
    s3 = session.client("s3")
    try:
        answer = s3.get_object_lock_configuration(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return False
        raise
    return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")


def _versions(session: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    try:
        for page in session.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":  # gone with a first attempt
            raise


def _empty(session: Any, bucket: str) -> int:
    """Delete every version in `bucket`, if it is there, and return how many there were."""
    count = 0
    for versions in _versions(session, bucket):
        if versions:
            answer = session.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
            if answer.get("Errors"):
                message = f"{bucket}: {answer['Errors'][0]['Code']}; the stack is still there: mend it and repeat"
                raise SystemExit(message)
            count += len(versions)
    return count


def _leave(session: Any, bucket: str) -> str:
    """Delete the locked bucket if it is empty; else say until when it must stay."""
    held = [each for versions in _versions(session, bucket) for each in versions]
    if not held:
        session.client("s3").delete_bucket(Bucket=bucket)
        return f"{bucket} was empty and is deleted"
    until = max(filter(None, (_until(session, bucket, each) for each in held)), default="its lock ends")
    return f"LEFT: {bucket} holds {len(held)} locked versions until {until}; it costs its storage. Empty it then."


def _until(session: Any, bucket: str, version: dict[str, str]) -> str:
    s3 = session.client("s3")
    try:
        until = s3.head_object(Bucket=bucket, **version).get("ObjectLockRetainUntilDate")
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "405"}:
            return ""  # the marker of a deletion, which no lock keeps
        raise
    return str(until.isoformat()) if until else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
