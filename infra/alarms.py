"""What wakes somebody, and a page to look at afterwards; both by numbers that AWS and the application's log give."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.choice import Choice
from infra.front import Front
from infra.key_mirror import KeyMirror
from infra.keys import Keys
from infra.queue import Queue
from infra.service import Service

EVENTS = {
    "door-two-alarm": (1, "The two doors disagreed, or a hit was no passage of ours: look at it at once."),
    "fault": (5, "Requests failed by something of ours."),
    "not-ready": (10, "A task is up and a dependency does not answer it."),
    "policies-not-reloaded": (1, "A policy set was refused; the former one still decides."),
    "signing_keys_not_refreshed": (5, "An issuer's keys cannot be had; after a day nobody is believed."),
}
"""By the event of a log line: how many in five minutes are too many, and what it means."""
_FIVE = Duration.minutes(5)
_MORE = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING


class Alarms(Construct):
    """One topic, to which every alarm speaks and whoever deploys listens."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, keys: Keys, email: str) -> None:
        super().__init__(scope, id_)
        self._choice = choice
        self.topic = sns.Topic(self, "Topic", master_key=keys.operations, enforce_ssl=True)
        self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self.metrics: dict[str, cloudwatch.IMetric] = {}

    def watch(self, service: Service, front: Front, queue: Queue, mirror: KeyMirror) -> None:
        """Make the alarms, and the dashboard that shows their metrics."""
        for event, (most, meaning) in EVENTS.items():
            self._watch_logs(event, service.logs, most, meaning)
        self._watch_front(front)
        self._watch_queue(queue)
        self._watch_search()
        failed = mirror.function.metric_errors(period=_FIVE)
        self._alarm("KeysNotCarried", failed, 3, "An issuer's keys could not be carried into the network.")
        carried = mirror.function.metric_invocations(period=Duration.minutes(15))
        self._alarm("KeysForgotten", carried, 1, "Nobody carries the issuers' keys.", below=True)
        self._dashboard()

    def _watch_logs(self, event: str, groups: Mapping[str, logs.LogGroup], most: int, meaning: str) -> None:
        """Count lines of `event` over all processes."""
        id_ = "".join(part.title() for part in event.replace("_", "-").split("-"))
        metric = cloudwatch.Metric(namespace=self._choice.stack, metric_name=event, statistic="Sum", period=_FIVE)
        for name, group in groups.items():
            logs.MetricFilter(
                self,
                f"{id_}{name.title()}",
                log_group=group,
                filter_pattern=logs.FilterPattern.string_value("$.event", "=", event),
                metric_namespace=metric.namespace,
                metric_name=metric.metric_name,
                default_value=0,
            )
        self._alarm(id_, metric, most, meaning)

    def _watch_front(self, front: Front) -> None:
        for name, target in (("Answer", front.answer), ("Documents", front.documents)):
            self._alarm(f"{name}Unhealthy", target.metrics.unhealthy_host_count(), 1, "A task is unhealthy.", periods=3)
            failed = target.metrics.http_code_target(elb.HttpCodeTarget.TARGET_5XX_COUNT, period=_FIVE)
            self._alarm(f"{name}Failing", failed, 10, "Requests end in 5xx.")
        own = front.balancer.metrics.http_code_elb(elb.HttpCodeElb.ELB_5XX_COUNT, period=_FIVE)
        self._alarm("BalancerFailing", own, 10, "The load balancer finds no task to answer.")

    def _watch_queue(self, queue: Queue) -> None:
        dead = queue.dead.metric_approximate_number_of_messages_visible(period=_FIVE)
        self._alarm("DeadLetters", dead, 1, "A document could not be taken: `antechamber status` says why.")
        age = queue.main.metric_approximate_age_of_oldest_message(period=_FIVE)
        self._alarm("QueueAge", age, 900, "Documents wait for more than 15 minutes.")

    def _watch_search(self) -> None:
        self._alarm("SearchRed", self._of_domain("ClusterStatus.red"), 1, "A primary shard is lost.")
        low = self._of_domain("FreeStorageSpace", "Minimum")
        disk = self._choice.size.nodes.disk * 1024 // 4
        self._alarm("SearchDisk", low, disk, "A node has less than a quarter of its disk left.", below=True)
        self._alarm("SearchWrites", self._of_domain("ClusterIndexWritesBlocked"), 1, "The index takes no writes.")

    def _of_domain(self, name: str, statistic: str = "Maximum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/ES",
            metric_name=name,
            dimensions_map={"DomainName": self._choice.stack, "ClientId": Aws.ACCOUNT_ID},
            statistic=statistic,
            period=_FIVE,
        )

    def _alarm(
        self,
        id_: str,
        metric: cloudwatch.IMetric,
        threshold: int,
        meaning: str,
        *,
        below: bool = False,
        periods: int = 1,
    ) -> None:
        self.metrics[id_] = metric
        cloudwatch.Alarm(
            self,
            id_,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD if below else _MORE,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING if below else _QUIET,
            alarm_description=meaning,
        ).add_alarm_action(actions.SnsAction(self.topic))

    def _dashboard(self) -> None:
        shown: Mapping[str, cloudwatch.IMetric] = self.metrics
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._choice.stack)
        board.add_widgets(
            *(cloudwatch.GraphWidget(title=title, left=[metric], width=6, height=4) for title, metric in shown.items())
        )
