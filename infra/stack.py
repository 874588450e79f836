"""The stack: each concern is one construct, and each gets what the ones before it made."""

from collections.abc import Mapping

from aws_cdk import Aws, CfnOutput, CfnParameter, Environment, Stack
from constructs import Construct

from infra import buckets, search
from infra.alarms import Alarms
from infra.buckets import STAGED, Buckets
from infra.budget import Budget
from infra.choice import Choice
from infra.endpoints import Endpoints
from infra.firewall import Firewall
from infra.front import Front
from infra.grants import Resources
from infra.guardrail import Guardrail
from infra.identity import Identity
from infra.key_mirror import KeyMirror
from infra.keys import Keys
from infra.network import Network
from infra.queue import Queue
from infra.roles import Roles
from infra.search import Search
from infra.service import Service
from infra.settings import Parts
from infra.tables import Tables


class Antechamber(Stack):
    """All of one deployment, which goes as one."""

    def __init__(self, scope: Construct, choice: Choice) -> None:
        super().__init__(
            scope,
            choice.stack,
            env=Environment(region=choice.region),
            description="Antechamber: authorization before the model",
            termination_protection=choice.size.protected,
            analytics_reporting=False,
        )
        self.choice = choice
        certificate, email = self._parameters()
        # What is kept, and how.
        self.keys = Keys(self, "Keys", choice)
        self.tables = Tables(self, "Tables", choice, self.keys)
        self.queue = Queue(self, "Queue", choice, buckets.documents_name(choice))
        self.buckets = Buckets(self, "Buckets", choice, self.keys, self.queue)
        # Who is believed, and who may do what.
        self.identity = Identity(self, "Identity", choice)
        self.guardrail = Guardrail(self, "Guardrail", choice)
        self.resources = self._resources()
        self.roles = Roles(self, "Roles", self.resources)
        # Where it runs.
        self.network = Network(self, "Network", choice, self.keys)
        self.mirror = KeyMirror(self, "KeyMirror", choice, self.keys, self.identity, self.buckets.logs)
        self.endpoints = Endpoints(self, "Endpoints", self.network, self.resources, self.mirror)
        self.search = Search(self, "Search", choice, self.network, self.keys, self.roles)
        self.service = Service(self, "Service", choice, self.network, self.keys, self.roles, self._parts())
        self.service.node.add_dependency(self.endpoints)
        self.front = Front(self, "Front", choice, self.network, self.service, self.buckets.logs, certificate)
        self.firewall = Firewall(self, "Firewall", choice, self.front.balancer, self.keys)
        # Who is told.
        self.alarms = Alarms(self, "Alarms", choice, self.keys, email)
        self.alarms.watch(self.service, self.front, self.queue, self.mirror)
        Budget(self, "Budget", choice, email)
        self._tell(self._outputs())

    def _parameters(self) -> tuple[str, str]:
        """Return what is given at deployment: the certificate's ARN, and who is told."""
        certificate = CfnParameter(
            self,
            "Certificate",
            description="ARN of the certificate of the service's name, in ACM, in this region",
            allowed_pattern="arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+",
        )
        email = CfnParameter(
            self, "Email", description="Who is told of alarms and costs", allowed_pattern="[^@ ]+@[^@ ]+"
        )
        return certificate.value_as_string, email.value_as_string

    def _resources(self) -> Resources:
        arn, at = self.tables.arn, f"arn:{Aws.PARTITION}:bedrock"
        choice, tables = self.choice, self.tables
        name = choice.model.partition(".")[2] if choice.profile else choice.model
        documents = self.buckets.documents.bucket_arn
        return Resources(
            directory=arn(tables.directory),
            registry=arn(tables.registry),
            records=arn(tables.records),
            personal=arn(tables.personal),
            intake=arn(tables.intake),
            limits=arn(tables.limits),
            documents=documents,
            staged=f"{documents}/{STAGED}*",
            queue=self.queue.main.queue_arn,
            dead=self.queue.dead.queue_arn,
            salt=self.keys.salt.secret_arn,
            key=self.keys.data.key_arn,
            domain=search.domain_arn(self, choice),
            # A profile chooses the region, so the grant on its model names none: the condition names the profile.
            model=(f"{at}:{'*' if choice.profile else self.region}::foundation-model/{name}",),
            profile=f"{at}:{self.region}:{Aws.ACCOUNT_ID}:inference-profile/{choice.model}" if choice.profile else None,
            embeddings=f"{at}:{self.region}::foundation-model/{choice.embedding_model}",
            guardrail=self.guardrail.arn,
            pinned_guardrail=self.guardrail.pinned,
            region=self.region,
        )

    def _parts(self) -> Parts:
        names = ("directory", "registry", "records", "personal", "intake", "limits")
        return Parts(
            issuers=self.identity.settings(self.mirror.addresses),
            region=self.region,
            tables={each: self.tables.name(each) for each in names},
            opensearch_url=self.search.url,
            replicas=self.choice.size.zones - 1,
            model=self.choice.model,
            embedding_model=self.choice.embedding_model,
            dimensions=self.choice.dimensions,
            guardrail_id=self.guardrail.id,
            guardrail_version=self.guardrail.version,
            bucket=self.buckets.documents.bucket_name,
            staged=STAGED,
            queue_url=self.queue.main.queue_url,
        )

    def _outputs(self) -> Mapping[str, str]:
        return {
            "Address": self.front.balancer.load_balancer_dns_name,
            "DocumentsBucket": self.buckets.documents.bucket_name,
            "CheckpointsBucket": self.buckets.checkpoints.bucket_name,
            "Cluster": self.service.cluster.cluster_name,
            "OperatorTask": self.service.operator.family,
            "OperatorLog": self.service.logs["operator"].log_group_name,
            "Rooms": ",".join(each.subnet_id for each in self.network.rooms.subnets or ()),
            "TasksGroup": self.network.tasks.security_group_id,
            "AnswerRole": self.roles.answer.role_arn,
            "DocumentsRole": self.roles.documents.role_arn,
            "IngestRole": self.roles.ingest.role_arn,
        }

    def _tell(self, outputs: Mapping[str, str]) -> None:
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
