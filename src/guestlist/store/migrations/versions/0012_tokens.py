"""What is known of each token, why a destination is parked, which audiences are kept empty, descriptions at Meta."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("sync", sa.Column("remote_description", sa.Text()))
    op.create_table(
        "token_facts",
        sa.Column("destination", sa.Text(), primary_key=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("data_access_ends_at", sa.BigInteger()),
        sa.Column("warned", sa.Integer()),
    )
    op.create_table(
        "parking",
        sa.Column("destination", sa.Text(), primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("happened", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ask_at", sa.BigInteger(), nullable=False),
        sa.Column("resumed_at", sa.BigInteger()),
    )
    op.create_table(
        "emptied",
        sa.Column("sync", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
