-- Written for SQLite; `migrate.rs` says which words become others on PostgreSQL.
-- Instants are nanoseconds since 1970, identities are 16 bytes, open records are JSON text, words of enums are text.

CREATE TABLE users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    administrator INTEGER NOT NULL,
    password TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    holder BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    tail TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_used INTEGER
) STRICT;
CREATE INDEX api_keys_holder ON api_keys (holder);

CREATE TABLE targets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    plugin TEXT NOT NULL,
    pinned TEXT,
    configuration TEXT NOT NULL,
    attributes TEXT NOT NULL,
    owner BLOB REFERENCES users (id) ON DELETE SET NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX targets_owner ON targets (owner);

CREATE TABLE secrets (
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (target, name)
) STRICT;

CREATE TABLE grants (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    power TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    reason TEXT,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;
CREATE INDEX grants_target ON grants (target);

CREATE TABLE guest_state (
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (target, name)
) STRICT;

CREATE TABLE pools (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    comment TEXT,
    content TEXT NOT NULL,
    role TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE TABLE locations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    pool BLOB REFERENCES pools (id) ON DELETE SET NULL,
    file_count INTEGER NOT NULL DEFAULT 0,
    file_bytes INTEGER NOT NULL DEFAULT 0,
    attributes TEXT NOT NULL,
    present INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (target, name)
) STRICT;
CREATE INDEX locations_pool ON locations (pool);

CREATE TABLE scans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    pool BLOB NOT NULL UNIQUE REFERENCES pools (id) ON DELETE CASCADE,
    enabled INTEGER NOT NULL,
    operand INTEGER NOT NULL,
    unit TEXT NOT NULL,
    due INTEGER,
    last_started INTEGER,
    last_finished INTEGER
) STRICT;
CREATE INDEX scans_due ON scans (due);

CREATE TABLE spaces (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    comment TEXT,
    directory TEXT NOT NULL UNIQUE,
    quota_bytes INTEGER,
    push_pool BLOB REFERENCES pools (id),
    cleaning_pool BLOB REFERENCES pools (id),
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX spaces_push_pool ON spaces (push_pool);
CREATE INDEX spaces_cleaning_pool ON spaces (cleaning_pool);

-- The file tree of a space or of a primary pool, with its counts.
CREATE TABLE trees (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    space BLOB UNIQUE REFERENCES spaces (id) ON DELETE CASCADE,
    pool BLOB UNIQUE REFERENCES pools (id) ON DELETE CASCADE,
    root INTEGER NOT NULL DEFAULT 0,
    root_id BLOB NOT NULL,
    entry_count INTEGER NOT NULL DEFAULT 0,
    file_count INTEGER NOT NULL DEFAULT 0,
    file_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The biggest table. A row is found by its parent and name: both fit any index, whatever the depth, and `path` needs none.
-- Only a root has no parent.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tree INTEGER NOT NULL REFERENCES trees (number) ON DELETE CASCADE,
    parent INTEGER REFERENCES entries (number),
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER,
    mode INTEGER,
    uid INTEGER,
    gid INTEGER,
    inode INTEGER,
    blake3 BLOB,
    resident INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    UNIQUE (parent, name)
) STRICT;
CREATE INDEX entries_tree ON entries (tree, number);

CREATE TABLE replicas (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    entry INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    location BLOB NOT NULL REFERENCES locations (id),
    name TEXT NOT NULL,
    name_key BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    etag TEXT,
    version TEXT,
    blake3 BLOB NOT NULL,
    subtrees BLOB NOT NULL,
    verified INTEGER,
    created INTEGER NOT NULL,
    UNIQUE (entry, location)
) STRICT;
CREATE INDEX replicas_location ON replicas (location, name_key);

CREATE TABLE definitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    comment TEXT,
    workflow TEXT NOT NULL,
    action TEXT NOT NULL,
    active INTEGER NOT NULL,
    options TEXT NOT NULL,
    attributes TEXT NOT NULL,
    job BLOB,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX definitions_name ON definitions (name);

CREATE TABLE endpoints (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    definition BLOB NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    given TEXT NOT NULL,
    space BLOB REFERENCES spaces (id),
    pool BLOB REFERENCES pools (id),
    location BLOB REFERENCES locations (id),
    path TEXT NOT NULL
) STRICT;
CREATE INDEX endpoints_definition ON endpoints (definition);
CREATE INDEX endpoints_space ON endpoints (space);
CREATE INDEX endpoints_pool ON endpoints (pool);
CREATE INDEX endpoints_location ON endpoints (location);

CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    definition BLOB REFERENCES definitions (id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    work TEXT NOT NULL,
    state TEXT NOT NULL,
    requested TEXT,
    files_to_process INTEGER NOT NULL DEFAULT 0,
    bytes_to_process INTEGER NOT NULL DEFAULT 0,
    files_processed INTEGER NOT NULL DEFAULT 0,
    bytes_processed INTEGER NOT NULL DEFAULT 0,
    files_finalized INTEGER NOT NULL DEFAULT 0,
    bytes_finalized INTEGER NOT NULL DEFAULT 0,
    files_failed INTEGER NOT NULL DEFAULT 0,
    bytes_per_second INTEGER NOT NULL DEFAULT 0,
    remaining_ms INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    answer TEXT,
    created INTEGER NOT NULL,
    started INTEGER,
    finished INTEGER,
    -- A worker holds the job until then, and renews it; nobody may take it up before `ready`.
    worker TEXT,
    lease INTEGER,
    ready INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_definition ON jobs (definition);
CREATE INDEX jobs_state ON jobs (state, ready);

-- `path_key` stands for the path in the index, as `name_key` does for names of replicas and uploads: see `text_key`.
CREATE TABLE outcomes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    path_key BLOB NOT NULL,
    state TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    failure TEXT,
    finished INTEGER NOT NULL,
    UNIQUE (job, path_key)
) STRICT;
CREATE INDEX outcomes_job ON outcomes (job, number);

-- Large files on their way, begun and not yet completed. `tree` is a tree's own id of itself, of any kind of tree.
CREATE TABLE uploads (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tree TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key BLOB NOT NULL,
    upload TEXT NOT NULL,
    size INTEGER NOT NULL,
    part_size INTEGER NOT NULL,
    content TEXT NOT NULL,
    extras TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (name_key)
) STRICT;

CREATE TABLE upload_parts (
    upload INTEGER NOT NULL REFERENCES uploads (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    part TEXT NOT NULL,
    blocks BLOB NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT;

CREATE TABLE plugin_versions (
    digest TEXT PRIMARY KEY NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL,
    installed INTEGER NOT NULL,
    activated INTEGER
) STRICT;
CREATE INDEX plugin_versions_plugin ON plugin_versions (plugin, installed);

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    setting TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    noun TEXT NOT NULL,
    subject TEXT NOT NULL,
    verdict TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
