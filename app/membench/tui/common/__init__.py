"""The places of the dashboard, and the dialogs that open over them."""
