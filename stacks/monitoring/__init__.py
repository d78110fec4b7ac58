"""What is watched: metrics, alarms, the dashboard, saved queries, and who is told."""
