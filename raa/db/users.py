"""Users, login sessions and the audit trail, as SQLObject rows behind functions that return plain values."""

from __future__ import annotations

from sqlobject import SQLObjectNotFound
from sqlobject.dberrors import DuplicateEntryError

from raa.db.connection import Database
from raa.db.tables import Audit, LoginSession, User
from raa.protocols import Values
from raa.rpath_error import DuplicateItem, ItemNotFound
from raa.values import printable


class Users:
    """Local users and their sessions in the ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def any(self) -> bool:
        with self.database.read() as session:
            return bool(User.select(connection=session.orm).count())

    def add(self, name: str, password_hash: str, roles: list[str], now: float) -> None:
        """Add a user; raises `DuplicateItem` if the name is taken."""
        try:
            with self.database.write() as session:
                User(
                    connection=session.orm, name=name, passwordHash=password_hash, roles=",".join(roles),
                    generation=1, created=now,
                )  # fmt: skip
        except DuplicateEntryError:
            raise DuplicateItem(f"There is a user {name} already.") from None

    def add_first(self, name: str, password_hash: str, now: float) -> bool:
        """Add the first administrator; False if there is any user already, decided inside the transaction."""
        with self.database.write():
            if self.any():
                return False
            self.add(name, password_hash, ["admin"], now)
            return True

    def get(self, name: str) -> Values | None:
        """Return a user's row: id, name, hash, roles, generation."""
        with self.database.read() as session:  # plain SQL: an object would ask once for each attribute, at every login
            found = session.row(
                "SELECT id, name, password_hash AS hash, roles, generation FROM account WHERE name=?", name
            )
        return {**found, "roles": found["roles"].split(",")} if found else None

    def set_password(self, name: str, password_hash: str, keep: str = "") -> None:
        """Change a password; every session of the user ends but the one with the digest `keep`."""
        with self.database.write() as session:
            if not session.changed(
                "UPDATE account SET password_hash=?, generation=generation+1 WHERE name=?", password_hash, name
            ):
                raise ItemNotFound(f"There is no user {name}.")
            session.execute(
                "UPDATE login_session SET generation=generation+1 WHERE digest=? "
                "AND user_id=(SELECT id FROM account WHERE name=?)",
                keep,
                name,
            )
            session.execute(
                "DELETE FROM login_session WHERE user_id=(SELECT id FROM account WHERE name=?) AND digest<>?",
                name,
                keep,
            )

    def rehash(self, name: str, old: str, new: str) -> None:
        """Replace a hash by a stronger one of the same password; sessions stay."""
        with self.database.write() as session:
            session.execute("UPDATE account SET password_hash=? WHERE name=? AND password_hash=?", new, name, old)

    def open_session(self, digest: str, user: Values, now: float, address: str, agent: str) -> None:
        with self.database.write() as session:
            LoginSession(
                connection=session.orm, digest=digest, userId=user["id"], generation=user["generation"], created=now,
                seen=now, address=address, agent=agent[:200],
            )  # fmt: skip

    def session(self, digest: str) -> Values | None:
        """Return a session that its user's generation still allows, joined with the user."""
        with self.database.read() as session:
            return session.row(
                "SELECT s.id, s.created, s.seen, s.digest, a.name, a.roles FROM login_session s "
                "JOIN account a ON a.id = s.user_id AND a.generation = s.generation WHERE s.digest=?",
                digest,
            )

    def touch(self, session_id: int, now: float) -> None:
        with self.database.write() as session:
            try:
                LoginSession.get(session_id, connection=session.orm).set(seen=now)
            except SQLObjectNotFound:
                return  # logged out meanwhile

    def close_session(self, digest: str) -> None:
        with self.database.write() as session:
            session.execute("DELETE FROM login_session WHERE digest=?", digest)

    def drop_sessions(self, idle_before: float, made_before: float) -> None:
        """Forget sessions that have been idle or alive for too long."""
        with self.database.write() as session:
            session.execute("DELETE FROM login_session WHERE seen<? OR created<?", idle_before, made_before)

    def audit(self, now: float, who: str, address: str, action: str, target: str, outcome: str) -> None:
        """Add a line to the audit trail."""
        texts = {"who": who, "address": address, "action": action, "target": target, "outcome": outcome}
        with self.database.write() as session:
            Audit(connection=session.orm, at=now, **{name: printable(text) for name, text in texts.items()})

    def setting(self, name: str) -> str:
        with self.database.read() as session:
            return str(session.value("SELECT text FROM setting WHERE name=?", name) or "")

    def set_setting(self, name: str, text: str) -> None:
        with self.database.write() as session:
            session.execute("INSERT OR REPLACE INTO setting VALUES (?,?)", name, text)
