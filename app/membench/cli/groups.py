"""The class of command groups."""

from __future__ import annotations

import click

from membench.units import suggest


class SuggestingGroup(click.Group):
    """A group that suggests the nearest command for a misspelled one, and lists commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or raise an error that names the nearest one."""
        # Shell completion resolves what has been typed so far, and handles unknown commands itself.
        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"unknown command {args[0]!r}; {suggest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)
