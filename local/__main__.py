"""`python -m local`."""

from local.command import Door, app
from local.errors import imported, one_sentence


def main() -> None:
    """Hand the project's topology in."""
    with one_sentence(), imported():
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported
    app(prog_name="python -m local", obj=Door(TOPOLOGY))


if __name__ == "__main__":
    main()
