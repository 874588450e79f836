"""The operator's command line, run within the network: `python -m infra.operate -- index rebuild`.

It starts one task with the role of the operator, waits for its end, prints its log and returns its exit code. Whoever
runs it needs the right to run that task; what the task may do is the role of the operator.
"""

import argparse
import sys
import time
from typing import Any

import boto3

_POLL = 3.0
"""Seconds between two looks at the task."""
_PATIENCE = 3600.0


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.operate", description=__doc__)
    parser.add_argument("--stack", default="antechamber-demo")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("command", nargs="+", help="what follows `antechamber`, after --")
    given = parser.parse_args(arguments)
    return operate(given.stack, given.command, boto3.Session(region_name=given.region))


def operate(stack: str, command: list[str], session: Any, poll: float = _POLL) -> int:
    """Run `command` in `stack`; return its exit code, or 1 if the task did not start."""
    described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described}
    started = session.client("ecs").run_task(
        cluster=outputs["Cluster"],
        taskDefinition=outputs["OperatorTask"],
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": outputs["Rooms"].split(","),
                "securityGroups": [outputs["TasksGroup"]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": "app", "command": command}]},
    )
    if started.get("failures"):
        print(f"error: the task did not start: {started['failures'][0].get('reason')}", file=sys.stderr)
        return 1
    task = started["tasks"][0]["taskArn"]
    ended = _ended(session, outputs["Cluster"], task, poll)
    _print_log(session, outputs["OperatorLog"], f"operator/app/{task.rpartition('/')[2]}")
    container = ended["containers"][0]
    if "exitCode" not in container:
        print(f"error: {ended.get('stoppedReason')}", file=sys.stderr)
        return 1
    return int(container["exitCode"])


def _ended(session: Any, cluster: str, task: str, poll: float) -> Any:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        [described] = session.client("ecs").describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        if described["lastStatus"] == "STOPPED":
            return described
        time.sleep(poll)
    message = f"the task still runs after {_PATIENCE:.0f} seconds: look at {task}"
    raise SystemExit(message)


def _print_log(session: Any, group: str, stream: str) -> None:
    logs = session.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=[stream])
        for page in pages:
            for event in page["events"]:
                print(event["message"])
    except logs.exceptions.ResourceNotFoundException:
        print("it wrote nothing")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
