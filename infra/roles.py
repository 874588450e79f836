"""The roles of the tasks, and what each may do: a reader who has read this knows it all."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra.grants import (
    BATCH,
    DOCUMENTS,
    GET,
    PEOPLE,
    PUT,
    QUERY,
    ROSTERS,
    SCAN,
    SNAPSHOT,
    UPDATE,
    Resources,
    allow,
    table,
)


class Roles(Construct):
    """One role for each process; later ones (to erase, to sign) stand beside these and share none of their rights."""

    def __init__(self, scope: Construct, id_: str, on: Resources) -> None:
        super().__init__(scope, id_)
        self._on = on
        self.answer = self._role("Answer", "answers questions; writes records only", answer(on))
        self.documents = self._role("Documents", "stages and retires documents for people", documents(on))
        self.ingest = self._role("Ingest", "takes documents from the bucket into registry and index", ingest(on))
        self.operator = self._role("Operator", "runs the command line for whoever deploys", operator(on))

    def _role(self, id_: str, what: str, statements: list[iam.PolicyStatement]) -> iam.Role:
        tasks = iam.ServicePrincipal(
            "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        )
        role = iam.Role(self, id_, assumed_by=tasks, description=what)
        for statement in statements:
            role.add_to_policy(statement)
        return role

    def search_policy(self) -> dict[str, object]:
        """Return the domain's access policy: the same calls for the same roles, and nobody else."""
        named = {
            "answer": self.answer,
            "documents": self.documents,
            "ingest": self.ingest,
            "operator": self.operator,
        }
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": role.role_arn},
                    "Action": f"es:ESHttp{method}",
                    "Resource": [f"{self._on.domain}/{path}" for path in paths],
                }
                for name, role in named.items()
                for method, paths in grants.SEARCH_CALLS[name]
            ],
        }


def answer(on: Resources) -> list[iam.PolicyStatement]:
    """Read directory and registry, search, ask the model, append records."""
    return [
        table("ReadsPeople", on.directory, [SNAPSHOT, GET], PEOPLE),
        table("ReadsRegistry", on.registry, [GET]),
        *grants.appends(on),
        table("ProbesRecords", on.records, [QUERY]),
        table("CountsLimits", on.limits, [GET, UPDATE]),
        *grants.search("answer", on),
        *grants.answers(on),
        grants.embeds(on),
        grants.key("dynamodb", on),
    ]


def documents(on: Resources) -> list[iam.PolicyStatement]:
    """Decide who may write, stage what they write, retire what they delete."""
    return [
        table("ReadsPeople", on.directory, [SNAPSHOT, GET], PEOPLE),
        table("ReadsRegistry", on.registry, [GET]),
        table("WritesDocumentsOfTheRegistry", on.registry, [QUERY, PUT, BATCH], DOCUMENTS),
        *grants.appends(on),
        table("ProbesRecords", on.records, [QUERY]),
        table("CountsLimits", on.limits, [GET, UPDATE]),
        table("NotesIntake", on.intake, [GET, PUT]),
        allow("Stages", ["s3:PutObject"], [on.staged]),
        *grants.search("documents", on),
        grants.key("dynamodb", on),
        grants.key("s3 to write", on),
    ]


def ingest(on: Resources) -> list[iam.PolicyStatement]:
    """Follow the queue's hints: read the bucket, write registry and index, delete what was staged."""
    return [
        table("ReadsPeople", on.directory, [SNAPSHOT, GET], PEOPLE),
        table("FindsOwnersByHandle", on.directory, [GET], ROSTERS),
        table("ReadsRegistry", on.registry, [GET]),
        table("WritesDocumentsOfTheRegistry", on.registry, [QUERY, PUT, BATCH], DOCUMENTS),
        *grants.appends(on),
        table("NotesIntake", on.intake, [GET, PUT]),
        allow("ReadsDocuments", ["s3:GetObject"], [f"{on.documents}/*"]),
        allow("ListsDocuments", ["s3:ListBucket"], [on.documents]),
        allow("DropsStaged", ["s3:DeleteObjectVersion"], [on.staged]),
        allow(
            "FollowsTheQueue",
            [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueAttributes",
                "sqs:SendMessage",
            ],
            [on.queue],
        ),
        allow("SetsAside", ["sqs:SendMessage", "sqs:GetQueueUrl"], [on.dead]),
        *grants.search("ingest", on),
        grants.embeds(on),
        grants.key("dynamodb", on),
        grants.key("s3 to read", on),
    ]


def operator(on: Resources) -> list[iam.PolicyStatement]:
    """Keep the directory, the registry and the indices; read the records. It cannot ask the model."""
    return [
        table("KeepsTheDirectory", on.directory, [SNAPSHOT, GET, PUT, UPDATE, BATCH]),
        table("KeepsTheRegistry", on.registry, [GET, QUERY, SCAN, PUT, BATCH]),
        *grants.appends(on),
        table("ReadsRecords", on.records, [QUERY]),
        table("ReadsPersonalValues", on.personal, [GET]),
        table("KeepsIntake", on.intake, [GET, QUERY, PUT]),
        allow("ReadsDocuments", ["s3:GetObject"], [f"{on.documents}/*"]),
        allow("ListsDocuments", ["s3:ListBucket"], [on.documents]),
        allow("LooksAtTheQueues", ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], [on.queue, on.dead]),
        allow("LooksAtDeadLetters", ["sqs:ReceiveMessage"], [on.dead]),
        *grants.search("operator", on),
        grants.embeds(on),
        grants.key("dynamodb", on),
        grants.key("s3 to read", on),
    ]
