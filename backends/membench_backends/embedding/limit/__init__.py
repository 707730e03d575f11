"""The best embedding rate of a machine when every text is known beforehand."""
