"""The front: HTTPS only, a web firewall, and the routing by path and method that keeps the roles apart."""

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.choice import Choice
from infra.network import WEB, Network
from infra.service import Service

IDLE = 180
"""Seconds without a byte until the load balancer hangs up: longer than a whole answer may take (120)."""
DRAIN = 150
"""Seconds that a task which is to end may finish its answers, before it is told to."""
_TLS_ONLY = "max-age=31536000"
"""Seconds that a browser asks nothing of this name without TLS: a year (RFC 6797)."""
_WRITES = ("PUT", "DELETE")


class Front(Construct):
    """A load balancer that passes server-sent events on as they come; it buffers nothing."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        choice: Choice,
        network: Network,
        service: Service,
        logs_bucket: s3.Bucket,
        certificate: str,
    ) -> None:
        super().__init__(scope, id_)
        self._network = network
        self.balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=network.vpc,
            internet_facing=True,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_group=network.edge,
            idle_timeout=Duration.seconds(IDLE),
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elb.DesyncMitigationMode.STRICTEST,
            deletion_protection=choice.size.protected,
        )
        self.balancer.log_access_logs(logs_bucket, "balancer")
        self.answer = self._target("Answer", service.answer)
        self.documents = self._target("Documents", service.documents)
        listener = self.balancer.add_listener(
            "Https",
            port=443,
            protocol=elb.ApplicationProtocol.HTTPS,
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS,
            certificates=[acm.Certificate.from_certificate_arn(self, "Certificate", certificate)],
            open=False,
            default_target_groups=[self.answer],
        )
        _always_over_tls(listener)
        self._route(listener, "Writes", 10, "/v1/documents/*", _WRITES)
        self._route(listener, "Uploads", 20, "/v1/uploads/*", ("GET",))

    def _route(
        self, listener: elb.ApplicationListener, id_: str, priority: int, path: str, methods: tuple[str, ...]
    ) -> None:
        """Send these to the documents service; all else stays with the answering one, which has no right to write."""
        conditions = [
            elb.ListenerCondition.path_patterns([path]),
            elb.ListenerCondition.http_request_methods(list(methods)),
        ]
        listener.add_target_groups(id_, priority=priority, conditions=conditions, target_groups=[self.documents])

    def _target(self, id_: str, service: ecs.FargateService) -> elb.ApplicationTargetGroup:
        """Return the target group of `service`. Not ready is not unhealthy: killing tasks mends no dependency."""
        return elb.ApplicationTargetGroup(
            self,
            f"{id_}Tasks",
            vpc=self._network.vpc,
            port=WEB,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            targets=[service.load_balancer_target(container_name="app", container_port=WEB)],
            deregistration_delay=Duration.seconds(DRAIN),
            health_check=elb.HealthCheck(
                path="/healthz", interval=Duration.seconds(15), timeout=Duration.seconds(5), healthy_http_codes="200"
            ),
        )


def _always_over_tls(listener: elb.ApplicationListener) -> None:
    """Let the listener say so on every response, its own errors too: it is the one that speaks TLS."""
    resource = listener.node.default_child
    assert isinstance(resource, elb.CfnListener)  # noqa: S101 - what the construct is made of
    name = "routing.http.response.strict_transport_security.header_value"
    resource.listener_attributes = [elb.CfnListener.ListenerAttributeProperty(key=name, value=_TLS_ONLY)]
