"""The network: a public edge for the load balancer alone, and rooms without a way out for everything else."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys
from infra.logbook import log_group

WEB = 8080
"""Port of the web process in its task."""
_TLS = ec2.Port.tcp(443)


class Network(Construct):
    """A VPC over two zones without NAT: from the isolated subnets leads no route to the internet."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, keys: Keys) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.40.0.0/16"),
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="edge", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="room", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22),
            ],
        )
        self.rooms = ec2.SubnetSelection(subnets=self.vpc.isolated_subnets[: choice.size.zones])
        self._log_flows(choice, keys)
        self.edge = self._group("Edge", "the load balancer")
        self.tasks = self._group("Tasks", "the tasks")
        self.endpoints = self._group("Endpoints", "the endpoints of AWS services")
        self.search = self._group("Search", "the OpenSearch domain")
        self._connect()

    def _connect(self) -> None:
        """Open what is spoken, in one direction each; nothing else is open."""
        self.edge.add_ingress_rule(ec2.Peer.any_ipv4(), _TLS, "people, by HTTPS")
        self.edge.add_egress_rule(self.tasks, ec2.Port.tcp(WEB), "to the web tasks")
        self.tasks.add_ingress_rule(self.edge, ec2.Port.tcp(WEB), "from the load balancer")
        # S3 and DynamoDB are reached through gateways, whose addresses are public ones; no route leads to others.
        self.tasks.add_egress_rule(ec2.Peer.any_ipv4(), _TLS, "to endpoints, gateways and the domain")
        self.endpoints.add_ingress_rule(self.tasks, _TLS, "from the tasks")
        self.search.add_ingress_rule(self.tasks, _TLS, "from the tasks")

    def _group(self, id_: str, what: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id_, vpc=self.vpc, description=what, allow_all_outbound=False)

    def _log_flows(self, choice: Choice, keys: Keys) -> None:
        group = log_group(self, "Flows", choice, keys)
        role = iam.Role(self, "FlowRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
        self.vpc.add_flow_log("Log", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role))
