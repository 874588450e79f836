"""The OpenSearch domain: in the network, encrypted, closed to whoever is not named.

Three walls stand one behind the other. The security group lets in tasks only. The access policy lets each role make
its calls only: that of `grants.SEARCH_CALLS`, path by path. Within the domain, fine-grained access control maps one
role, the operator's; whoever deploys then runs `antechamber index grant` as the operator once, which maps the tasks'
roles to what they need of the indices, and nothing of the cluster.
"""

from aws_cdk import Aws, CfnDeletionPolicy, Stack
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys
from infra.network import Network
from infra.roles import Roles
from infra.size import Nodes

VERSION = "OpenSearch_3.5"


class Search(Construct):
    """One domain. As a plain resource: the CDK's own construct sets its policy by a function with rights."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, network: Network, keys: Keys, roles: Roles) -> None:
        super().__init__(scope, id_)
        self.domain = opensearch.CfnDomain(
            self,
            "Domain",
            domain_name=choice.stack,
            engine_version=VERSION,
            cluster_config=_cluster(choice.size.nodes, choice.size.zones),
            ebs_options=opensearch.CfnDomain.EBSOptionsProperty(
                ebs_enabled=True, volume_type="gp3", volume_size=choice.size.nodes.disk
            ),
            vpc_options=opensearch.CfnDomain.VPCOptionsProperty(
                subnet_ids=network.vpc.select_subnets(subnets=network.rooms.subnets).subnet_ids,
                security_group_ids=[network.search.security_group_id],
            ),
            domain_endpoint_options=opensearch.CfnDomain.DomainEndpointOptionsProperty(
                enforce_https=True, tls_security_policy="Policy-Min-TLS-1-2-PFS-2023-10"
            ),
            node_to_node_encryption_options=opensearch.CfnDomain.NodeToNodeEncryptionOptionsProperty(enabled=True),
            encryption_at_rest_options=opensearch.CfnDomain.EncryptionAtRestOptionsProperty(
                enabled=True, kms_key_id=keys.data.key_id
            ),
            advanced_security_options=opensearch.CfnDomain.AdvancedSecurityOptionsInputProperty(
                enabled=True,
                internal_user_database_enabled=False,
                master_user_options=opensearch.CfnDomain.MasterUserOptionsProperty(
                    master_user_arn=roles.operator.role_arn
                ),
            ),
            access_policies=roles.search_policy(),
        )
        self.domain.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        self.url = f"https://{self.domain.attr_domain_endpoint}"


def domain_arn(scope: Construct, choice: Choice) -> str:
    """Return the domain's ARN, known before the domain is there: the roles name it."""
    return f"arn:{Aws.PARTITION}:es:{Stack.of(scope).region}:{Aws.ACCOUNT_ID}:domain/{choice.stack}"


def _cluster(nodes: Nodes, zones: int) -> opensearch.CfnDomain.ClusterConfigProperty:
    return opensearch.CfnDomain.ClusterConfigProperty(
        instance_type=nodes.type,
        instance_count=nodes.count,
        dedicated_master_enabled=nodes.masters > 0,
        dedicated_master_count=nodes.masters or None,
        dedicated_master_type=nodes.master_type if nodes.masters else None,
        zone_awareness_enabled=zones > 1,
        zone_awareness_config=opensearch.CfnDomain.ZoneAwarenessConfigProperty(availability_zone_count=zones)
        if zones > 1
        else None,
        multi_az_with_standby_enabled=False,
    )
