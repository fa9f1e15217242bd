-- Who users are, and what they and their groups are given beside their roles.
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN first_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN last_login INTEGER;
-- Tokens hold while it is the one they were made with.
ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

-- The two that every catalogue has are marked; the host makes them.
CREATE TABLE user_groups (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    standard TEXT UNIQUE,
    gid INTEGER UNIQUE,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

-- An account on file servers: there while it has a primary group. The uid stays the user's.
ALTER TABLE users ADD COLUMN uid INTEGER;
ALTER TABLE users ADD COLUMN primary_group BLOB REFERENCES user_groups (id);
ALTER TABLE users ADD COLUMN allow_ssh INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX users_uid ON users (uid);
CREATE INDEX users_primary_group ON users (primary_group);
CREATE INDEX users_role ON users (role);

-- The next numbers of accounts: what was given once is never given again.
CREATE TABLE account_numbers (
    kind TEXT PRIMARY KEY NOT NULL,
    following INTEGER NOT NULL
) STRICT;
INSERT INTO account_numbers (kind, following) VALUES ('uid', 100000), ('gid', 100000);

CREATE TABLE group_members (
    of_group BLOB NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    member BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (of_group, member)
) STRICT;
CREATE INDEX group_members_member ON group_members (member);

-- Whoever has the role of administrator is in Administrators, without a row.
CREATE VIEW memberships AS
    SELECT of_group, member FROM group_members
    UNION ALL
    SELECT g.id, u.id FROM user_groups g JOIN users u ON u.role = 'administrator' WHERE g.standard = 'administrators';

-- Of a group or of a user; without an object on all objects of the noun.
CREATE TABLE permissions_given (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    of_group BLOB REFERENCES user_groups (id) ON DELETE CASCADE,
    of_user BLOB REFERENCES users (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    object INTEGER
) STRICT;
CREATE INDEX permissions_given_group ON permissions_given (of_group);
CREATE INDEX permissions_given_user ON permissions_given (of_user);
CREATE INDEX permissions_given_object ON permissions_given (permission, object);

-- Which objects a user was given, by themselves or by a group.
CREATE VIEW objects_given AS
    SELECT of_user AS holder, permission, object FROM permissions_given WHERE of_user IS NOT NULL AND object IS NOT NULL
    UNION ALL
    SELECT m.member, p.permission, p.object FROM permissions_given p JOIN group_members m ON m.of_group = p.of_group
    WHERE p.object IS NOT NULL;

-- All that its user may, whatever its scopes; a release that does not know this reads no scopes, which is nothing.
ALTER TABLE api_keys ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
