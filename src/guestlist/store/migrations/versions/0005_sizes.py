"""What Meta last showed of an audience's size, and how many people had been sent then: what later sizes are told from."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("size_lower", "size_upper", "size_of"):
        op.add_column("sync", sa.Column(name, sa.Integer()))
