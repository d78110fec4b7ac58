"""What becomes of what a stack made, once the stack goes or never came to be."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from stacks.settings import Settings

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""It outlives its stack, but not the create that failed: the next attempt would find its name taken.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
"""


def removal_policy(settings: Settings) -> RemovalPolicy:
    """A stage that retains keeps what it holds when a stack is deleted; any other keeps nothing."""
    return KEPT if settings.retain else RemovalPolicy.DESTROY
