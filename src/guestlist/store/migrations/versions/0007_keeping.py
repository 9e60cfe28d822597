"""Who holds a space and shows that it lives; when each sync is due; how long people wait until Meta has them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("owner", sa.Column("host", sa.Text()))
    op.add_column("owner", sa.Column("pid", sa.BigInteger()))
    op.add_column("owner", sa.Column("beat", sa.BigInteger()))
    op.create_table(
        "timing",
        sa.Column("sync", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ran", sa.Boolean(), nullable=False),
        sa.Column("again_at", sa.BigInteger()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("happened", sa.Text()),
        sa.Column("nothing_lost", sa.Text()),
        sa.Column("next_step", sa.Text()),
        sa.Column("removal_since", sa.BigInteger()),
    )
    op.create_table(
        "freshness",
        sa.Column("sync", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True),
        sa.Column("upto", sa.BigInteger(), primary_key=True),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("worst", sa.BigInteger(), nullable=False),
    )
