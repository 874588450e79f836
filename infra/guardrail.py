"""The guardrail that every answer passes: against what is harmful. It is no access control, and decides nothing."""

from aws_cdk import Fn
from aws_cdk import aws_bedrock as bedrock
from constructs import Construct

from infra.choice import Choice

_HARMFUL = ("HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT")


class Guardrail(Construct):
    """A guardrail and the numbered version of it that the tasks are told; the draft is nobody's."""

    def __init__(self, scope: Construct, id_: str, choice: Choice) -> None:
        super().__init__(scope, id_)
        guardrail = bedrock.CfnGuardrail(
            self,
            "Guardrail",
            name=choice.stack,
            description="Harmful content, and prompts that attack. No access control.",
            blocked_input_messaging="This question is not answered here.",
            blocked_outputs_messaging="This answer is withheld.",
            content_policy_config=bedrock.CfnGuardrail.ContentPolicyConfigProperty(filters_config=_filters()),
        )
        version = bedrock.CfnGuardrailVersion(
            self, "Version", guardrail_identifier=guardrail.attr_guardrail_id, description=choice.stack
        )
        self.id = guardrail.attr_guardrail_id
        self.version = version.attr_version
        self.arn = guardrail.attr_guardrail_arn

    @property
    def pinned(self) -> str:
        """ARN and version, as the condition `bedrock:GuardrailIdentifier` compares them."""
        return Fn.join(":", [self.arn, self.version])


def _filters() -> list[bedrock.CfnGuardrail.ContentFilterConfigProperty]:
    strength = bedrock.CfnGuardrail.ContentFilterConfigProperty
    harmful = [strength(type=kind, input_strength="MEDIUM", output_strength="MEDIUM") for kind in _HARMFUL]
    return [*harmful, strength(type="PROMPT_ATTACK", input_strength="MEDIUM", output_strength="NONE")]
