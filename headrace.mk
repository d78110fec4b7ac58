# What only this repository has: the example, and how projects are made from it.

.PHONY: demo bench new empty wheel summaries

demo: setup ## One order's whole life on this machine, with a dead letter and its redrive
	@$(RUN) -m example

bench: setup ## Measure what we claim about speed
	@for name in consumer redrive; do $(RUN) -m benchmarks $$name || exit 1; done

new: setup ## Make a project of one's own: make new DIR=../acme NAME=acme
	@$(RUN) -m project new "$(DIR)" "$(NAME)"

empty: setup ## Take the example out of this checkout; what is left is a project of one's own
	@$(RUN) -m project empty

wheel: setup ## Build the operator's command as a package of its own, for `pipx run` and `pip install`
	@$(RUN) -m project.wheel

# What the templates of the tests say is written with everything else that is made from the code.
fix: summaries

summaries: setup ## Write what the templates of the tests say, to be reviewed (make fix does it too)
	@CDK_VALIDATION=false $(RUN) -m tests.summaries
