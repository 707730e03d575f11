"""Code that several benchmark scripts share. Importing any of it turns the telemetry of the measured libraries off."""

from membench_backends.privacy import turn_off_telemetry

turn_off_telemetry()
