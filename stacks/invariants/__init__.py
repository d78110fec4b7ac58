"""What must hold in every template, also for integrations that come later; a template that breaks it fails synth."""
