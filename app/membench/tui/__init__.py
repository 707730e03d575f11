"""The dashboard. It displays messages and records, and computes nothing that the session computes."""

import membench.tui.common.textual_overrides  # noqa: F401 - sets the environment that Textual reads on import
