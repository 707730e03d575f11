"""The instrument: plans runs, measures them in processes of their own, keeps and shows the results."""
