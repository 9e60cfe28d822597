"""Until when a sync is paused; backups, what a restore left in doubt; who was told what."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("sync", sa.Column("paused_until", sa.BigInteger()))
    op.create_table(
        "backup",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("with_key", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("happened", sa.Text()),
        sa.Column("next_step", sa.Text()),
    )
    op.create_table(
        "restore",
        sa.Column("restored_at", sa.BigInteger(), primary_key=True),
        sa.Column("backup_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "doubt",
        sa.Column("sync", sa.Text(), primary_key=True),
        sa.Column("everybody", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.BigInteger()),
    )
    op.create_table(
        "alert",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("cause", sa.Text(), primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("happened", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.BigInteger()),
    )
    op.create_table(
        "alert_channel",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger()),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("happened", sa.Text()),
        sa.Column("next_step", sa.Text()),
    )
    op.create_table(
        "alert_size",
        sa.Column("sync", sa.Text(), primary_key=True),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
