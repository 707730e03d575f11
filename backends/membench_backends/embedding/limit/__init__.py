"""The limit of a machine: its best offline embedding rate, when every text is known in advance."""
