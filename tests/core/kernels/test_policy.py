"""What was asked for of implementations."""

from __future__ import annotations

from genwright.kernels.policy import Policy


def test_what_is_named_goes_before_what_is_said_of_all() -> None:
    policy = Policy(everywhere="reference", each={"geglu": "triton"})
    assert (policy.choice("geglu"), policy.choice("attention")) == ("triton", "reference")
    assert Policy().choice("geglu") == "automatic"
