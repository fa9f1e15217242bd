-- Sites: hosts that work on the same trees. One is the default.
CREATE TABLE sites (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    standard INTEGER NOT NULL,
    settings TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sites_standard ON sites (standard) WHERE standard = 1;

-- Processes that work for a site, and when each last said so.
CREATE TABLE nodes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    site INTEGER NOT NULL REFERENCES sites (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    heartbeat INTEGER,
    created INTEGER NOT NULL,
    UNIQUE (site, name)
) STRICT;

-- Queues of a site; each site has one that is its default.
CREATE TABLE site_queues (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    site INTEGER NOT NULL REFERENCES sites (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    standard INTEGER NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (site, name)
) STRICT;
CREATE UNIQUE INDEX site_queues_standard ON site_queues (site) WHERE standard = 1;

CREATE TABLE queue_nodes (
    queue INTEGER NOT NULL REFERENCES site_queues (number) ON DELETE CASCADE,
    node INTEGER NOT NULL REFERENCES nodes (number) ON DELETE CASCADE,
    PRIMARY KEY (queue, node)
) STRICT;
CREATE INDEX queue_nodes_node ON queue_nodes (node);

-- What a space has beside its tree. One without a row was made by a dialect that knows nothing of this: it is ready, and mounted nowhere.
CREATE TABLE space_profiles (
    space INTEGER PRIMARY KEY NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    mountpoint TEXT UNIQUE,
    profile TEXT NOT NULL,
    ready INTEGER NOT NULL,
    standard INTEGER NOT NULL DEFAULT 0,
    deleting INTEGER
) STRICT;
CREATE UNIQUE INDEX space_profiles_standard ON space_profiles (standard) WHERE standard = 1;

CREATE TABLE space_sites (
    space INTEGER NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    site INTEGER NOT NULL REFERENCES sites (number),
    PRIMARY KEY (space, site)
) STRICT;
CREATE INDEX space_sites_site ON space_sites (site, space);

-- Files that are not simply resident. A table beside the entries: nearly all files of most trees have no row here, so the biggest
-- table stays as narrow as it is, and counting the stubs of a tree reads an index of nothing but them.
CREATE TABLE entry_states (
    entry INTEGER PRIMARY KEY NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    tree INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- The copy that the state rests on.
    replica INTEGER REFERENCES replicas (number) ON DELETE SET NULL,
    leading_bytes INTEGER NOT NULL,
    failure TEXT,
    changed INTEGER NOT NULL
) STRICT;
CREATE INDEX entry_states_tree ON entry_states (tree, state, entry);
CREATE INDEX entry_states_replica ON entry_states (replica);
CREATE INDEX entry_states_failed ON entry_states (tree, entry) WHERE failure IS NOT NULL;

-- A bucket is a location; one without a row is called like it.
CREATE TABLE buckets (
    location INTEGER PRIMARY KEY NOT NULL REFERENCES locations (number) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,
    storage_type TEXT,
    ready INTEGER NOT NULL,
    profile TEXT NOT NULL,
    deleting INTEGER
) STRICT;

CREATE TABLE external_targets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    space INTEGER NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    location INTEGER NOT NULL REFERENCES locations (number) ON DELETE CASCADE,
    local_file_regex TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    delete_on_recall INTEGER NOT NULL,
    backup_only INTEGER NOT NULL,
    backup_site INTEGER REFERENCES sites (number) ON DELETE SET NULL,
    place INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX external_targets_space ON external_targets (space, place, number);
CREATE INDEX external_targets_location ON external_targets (location);

CREATE TABLE external_target_sites (
    external_target INTEGER NOT NULL REFERENCES external_targets (number) ON DELETE CASCADE,
    site INTEGER NOT NULL REFERENCES sites (number) ON DELETE CASCADE,
    PRIMARY KEY (external_target, site)
) STRICT;
CREATE INDEX external_target_sites_site ON external_target_sites (site);

-- What lists ask for stands beside the definition.
CREATE TABLE workflows (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    discovery TEXT,
    enabled INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    external_only INTEGER NOT NULL,
    schedule_only INTEGER NOT NULL,
    definition TEXT NOT NULL,
    protected INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

-- What a job that runs a workflow has beside its row among all jobs. No worker of jobs claims that one: its `ready` never comes.
CREATE TABLE workflow_jobs (
    number INTEGER PRIMARY KEY NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    id BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    workflow INTEGER REFERENCES workflows (number) ON DELETE SET NULL,
    site INTEGER REFERENCES sites (number) ON DELETE SET NULL,
    queue INTEGER REFERENCES site_queues (number) ON DELETE SET NULL,
    space INTEGER REFERENCES spaces (number) ON DELETE SET NULL,
    given_owner INTEGER REFERENCES users (number) ON DELETE SET NULL,
    by_system INTEGER NOT NULL,
    -- -2 is the system, -1 who is no user any more.
    owner INTEGER NOT NULL GENERATED ALWAYS AS (COALESCE(given_owner, CASE WHEN by_system = 1 THEN -2 ELSE -1 END)) STORED,
    client_key INTEGER,
    schedule INTEGER,
    discovery TEXT,
    -- Ended without a path to work on.
    noop INTEGER NOT NULL DEFAULT 0,
    -- What keywords are looked for in.
    words TEXT NOT NULL,
    created INTEGER NOT NULL,
    completed INTEGER
) STRICT;
CREATE INDEX workflow_jobs_created ON workflow_jobs (created);
CREATE INDEX workflow_jobs_completed ON workflow_jobs (completed);
CREATE INDEX workflow_jobs_state ON workflow_jobs (state, number);
CREATE INDEX workflow_jobs_name ON workflow_jobs (workflow_name, number);
CREATE INDEX workflow_jobs_workflow ON workflow_jobs (workflow);
CREATE INDEX workflow_jobs_site ON workflow_jobs (site, number);
CREATE INDEX workflow_jobs_queue ON workflow_jobs (queue, number);
CREATE INDEX workflow_jobs_space ON workflow_jobs (space, number);
CREATE INDEX workflow_jobs_owner ON workflow_jobs (owner, number);
CREATE INDEX workflow_jobs_given_owner ON workflow_jobs (given_owner);
CREATE INDEX workflow_jobs_client_key ON workflow_jobs (client_key, number);
CREATE INDEX workflow_jobs_schedule ON workflow_jobs (schedule, number);

-- Paths as the call gave them. `head` is as much of one as any index takes.
CREATE TABLE job_inputs (
    job INTEGER NOT NULL REFERENCES workflow_jobs (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    path TEXT NOT NULL,
    head TEXT NOT NULL,
    state TEXT,
    size INTEGER,
    PRIMARY KEY (job, position)
) STRICT;
CREATE INDEX job_inputs_head ON job_inputs (head, job);

CREATE TABLE tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    job INTEGER NOT NULL REFERENCES workflow_jobs (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    site INTEGER REFERENCES sites (number) ON DELETE SET NULL,
    queue INTEGER REFERENCES site_queues (number) ON DELETE SET NULL,
    state TEXT NOT NULL,
    -- Waits for nothing but a worker: its predecessors have ended, and its job takes up tasks.
    claimable INTEGER NOT NULL,
    spawner INTEGER,
    paths INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    aborted INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    continuation TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    -- A worker holds the task until then, and renews it; nobody may take it up before `ready`.
    worker TEXT,
    lease INTEGER,
    ready INTEGER NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    UNIQUE (job, position)
) STRICT;
-- What can be claimed, in the order it was made in, and nothing else.
CREATE INDEX tasks_claimable ON tasks (queue, number) WHERE claimable = 1;
CREATE INDEX tasks_leased ON tasks (lease) WHERE lease IS NOT NULL;
CREATE INDEX tasks_state ON tasks (job, state, number);
CREATE INDEX tasks_site ON tasks (site);
CREATE INDEX tasks_queue ON tasks (queue, state);

CREATE TABLE task_links (
    task INTEGER NOT NULL REFERENCES tasks (number) ON DELETE CASCADE,
    predecessor INTEGER NOT NULL REFERENCES tasks (number) ON DELETE CASCADE,
    PRIMARY KEY (task, predecessor)
) STRICT;
CREATE INDEX task_links_predecessor ON task_links (predecessor, task);

-- One row a path of a job, whatever tasks it goes through.
CREATE TABLE job_paths (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES workflow_jobs (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    path_key BLOB NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    message TEXT,
    task INTEGER NOT NULL,
    UNIQUE (job, path_key)
) STRICT;
CREATE INDEX job_paths_state ON job_paths (job, state, number);
CREATE INDEX job_paths_job ON job_paths (job, number);

CREATE TABLE task_paths (
    task INTEGER NOT NULL REFERENCES tasks (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    path INTEGER NOT NULL REFERENCES job_paths (number) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    moved_from TEXT,
    result TEXT,
    code TEXT,
    message TEXT,
    PRIMARY KEY (task, position)
) STRICT;
CREATE INDEX task_paths_path ON task_paths (path, task);

-- Looks at trees. Of a series of looks at a folder one is current; others are being taken, or are left to be cleared away.
CREATE TABLE tree_snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    series TEXT NOT NULL,
    space INTEGER NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    path_key BLOB NOT NULL,
    stage TEXT NOT NULL,
    taken INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tree_snapshots_current ON tree_snapshots (space, path_key) WHERE stage = 'current';
CREATE INDEX tree_snapshots_key ON tree_snapshots (space, path_key);
CREATE INDEX tree_snapshots_stage ON tree_snapshots (stage);

-- A path is its head, as much as any index takes, with its tail: so they are in the order of their bytes, and stored once.
CREATE TABLE tree_snapshot_nodes (
    snapshot INTEGER NOT NULL REFERENCES tree_snapshots (number) ON DELETE CASCADE,
    head BLOB NOT NULL,
    tail BLOB NOT NULL,
    inode INTEGER NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    blake3 BLOB
) STRICT;
CREATE INDEX tree_snapshot_nodes_path ON tree_snapshot_nodes (snapshot, head);
CREATE INDEX tree_snapshot_nodes_inode ON tree_snapshot_nodes (snapshot, inode);
