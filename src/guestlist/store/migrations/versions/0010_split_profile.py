"""What an identifier was split off from."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("split", sa.Column("own_id", sa.Text()))
    op.create_table(
        "split_profile",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["token"], ["split.token"], name=op.f("fk_split_profile_token"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token", "profile_id", name=op.f("pk_split_profile")),
    )
