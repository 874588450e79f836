"""The processes: one image, a task definition for each role, three services and the operator's command line."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys
from infra.logbook import log_group
from infra.network import WEB, Network
from infra.roles import Roles
from infra.settings import METRICS, SECRETS, Parts, environment
from infra.size import Tasks

ROOT = Path(__file__).resolve().parent.parent
GRACE = 30
"""Seconds from SIGTERM to the end of a task: the application takes twenty of them at most."""
_OPERATOR = Tasks(least=0, most=0, cpu=512, memory=2048)


class Service(Construct):
    """A cluster, and in it what runs. Tasks hold no state: their root is read-only, and /tmp goes with them."""

    def __init__(
        self, scope: Construct, id_: str, choice: Choice, network: Network, keys: Keys, roles: Roles, parts: Parts
    ) -> None:
        super().__init__(scope, id_)
        self._choice, self._network, self._keys, self._parts = choice, network, keys, parts
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            cluster_name=choice.stack,
            container_insights_v2=ecs.ContainerInsights.ENABLED
            if choice.size.protected
            else ecs.ContainerInsights.DISABLED,
        )
        self.image = assets.DockerImageAsset(
            self, "Image", directory=str(ROOT), file="Dockerfile", platform=assets.Platform.LINUX_AMD64
        )
        self.starter = iam.Role(
            self,
            "Starter",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="fetches the image and opens the log for every task; the program never has it",
        )
        self.logs: dict[str, logs.LogGroup] = {}
        size, serve, worker = choice.size, ["serve"], ["worker"]
        self.answer = self._service("answer", self._task("answer", roles.answer, size.answer, serve), size.answer)
        self.documents = self._service(
            "documents", self._task("documents", roles.documents, size.documents, serve), size.documents
        )
        self.ingest = self._service("ingest", self._task("ingest", roles.ingest, size.ingest, worker), size.ingest)
        self.operator = self._task("operator", roles.operator, _OPERATOR, ["--help"])

    def _task(self, name: str, role: iam.Role, tasks: Tasks, command: list[str]) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            f"{name.title()}Task",
            family=f"{self._choice.stack}-{name}",
            cpu=tasks.cpu,
            memory_limit_mib=tasks.memory,
            task_role=role.without_policy_updates(),
            execution_role=self.starter,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        task.add_volume(name="tmp")  # Fargate has no tmpfs: the task's own encrypted disk, gone with it
        self.logs[name] = log_group(self, f"{name.title()}Log", self._choice, self._keys)
        container = task.add_container(
            "app",
            image=ecs.ContainerImage.from_docker_image_asset(self.image),
            command=command,
            environment=environment(name, self._parts),
            secrets={
                f"ANTECHAMBER_{each}": ecs.Secret.from_secrets_manager(self._keys.salt)
                for each in SECRETS.get(name, ())
            },
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(GRACE),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=name, log_group=self.logs[name]),
            port_mappings=[ecs.PortMapping(container_port=WEB)] if command == ["serve"] else None,
            health_check=_health(command),
        )
        container.add_mount_points(ecs.MountPoint(source_volume="tmp", container_path="/tmp", read_only=False))  # noqa: S108 - the container's
        return task

    def _service(self, name: str, task: ecs.FargateTaskDefinition, tasks: Tasks) -> ecs.FargateService:
        service = ecs.FargateService(
            self,
            f"{name.title()}Service",
            service_name=name,
            cluster=self.cluster,
            task_definition=task,
            desired_count=tasks.least,
            assign_public_ip=False,
            vpc_subnets=ec2.SubnetSelection(subnets=self._network.rooms.subnets),
            security_groups=[self._network.tasks],
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            enable_execute_command=False,
        )
        if tasks.most > tasks.least:
            scaling = service.auto_scale_task_count(min_capacity=tasks.least, max_capacity=tasks.most)
            scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        return service


def _health(command: list[str]) -> ecs.HealthCheck | None:
    """Return the container's own check, by the only program that the image has for it."""
    address = {"serve": f"{WEB}/healthz", "worker": f"{METRICS}/metrics"}.get(command[0])
    if address is None:
        return None
    ask = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{address}', timeout=2)"
    return ecs.HealthCheck(
        command=["CMD", "python", "-c", ask],
        interval=Duration.seconds(15),
        timeout=Duration.seconds(5),
        retries=3,
        start_period=Duration.seconds(60),
    )
