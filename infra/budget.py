"""A budget of the whole account, so that nobody finds out by the bill."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.choice import Choice


class Budget(Construct):
    """Tells at four fifths of the month's budget, and when the forecast exceeds it. It stops nothing."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, email: str) -> None:
        super().__init__(scope, id_)
        budgets.CfnBudget(
            self,
            "Month",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=choice.stack,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=choice.size.budget, unit="USD"),
            ),
            notifications_with_subscribers=[_tell("ACTUAL", 80, email), _tell("FORECASTED", 100, email)],
        )


def _tell(kind: str, percent: int, email: str) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            comparison_operator="GREATER_THAN", notification_type=kind, threshold=percent, threshold_type="PERCENTAGE"
        ),
        subscribers=[budgets.CfnBudget.SubscriberProperty(address=email, subscription_type="EMAIL")],
    )
