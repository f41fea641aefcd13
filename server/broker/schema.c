/* A migration that has been released is never edited: a change is the next
 * number. Times are Unix seconds, booleans 0 or 1, secrets SHA-256 in hex
 * (they are random, so that no salt or slow hash adds anything). */
#include "server/broker/schema.h"

static const char first[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BIGINT NOT NULL);\n"

    "CREATE TABLE users("
    "name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,"
    "created BIGINT NOT NULL);\n"

    "CREATE TABLE sessions("
    "hash TEXT PRIMARY KEY,"
    "user_name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,"
    "peer TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL);\n"
    "CREATE INDEX sessions_user ON sessions(user_name);\n"
    "CREATE INDEX sessions_expires ON sessions(expires);\n"

    "CREATE TABLE images("
    "name TEXT PRIMARY KEY, last_version BIGINT NOT NULL);\n"
    "CREATE TABLE image_versions("
    "image TEXT NOT NULL REFERENCES images(name), version BIGINT NOT NULL,"
    "recipe TEXT NOT NULL, recipe_hash TEXT, state TEXT NOT NULL,"
    "host TEXT, manifest TEXT, created BIGINT NOT NULL,"
    "PRIMARY KEY(image, version));\n"

    "CREATE TABLE pools("
    "name TEXT PRIMARY KEY, image TEXT NOT NULL, cpus BIGINT NOT NULL,"
    "memory_mib BIGINT NOT NULL, heads BIGINT NOT NULL,"
    "max_desktops BIGINT NOT NULL, everyone BIGINT NOT NULL,"
    "created BIGINT NOT NULL);\n"
    "CREATE TABLE pool_users("
    "pool TEXT NOT NULL REFERENCES pools(name) ON DELETE CASCADE,"
    "user_name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,"
    "PRIMARY KEY(pool, user_name));\n"

    /* one desktop for each user of a pool: two requests at once make one.
     * owner is no reference: a desktop stays when its user goes. */
    "CREATE TABLE desktops("
    "id TEXT PRIMARY KEY, name TEXT NOT NULL,"
    "pool TEXT NOT NULL REFERENCES pools(name), owner TEXT NOT NULL,"
    "image TEXT NOT NULL, version BIGINT NOT NULL, host TEXT,"
    "state TEXT NOT NULL, cause TEXT NOT NULL, error TEXT,"
    "since BIGINT NOT NULL, removing BIGINT NOT NULL,"
    "created BIGINT NOT NULL);\n"
    "CREATE UNIQUE INDEX desktops_owner ON desktops(pool, owner)"
    " WHERE removing = 0;\n"

    "CREATE TABLE tickets("
    "hash TEXT PRIMARY KEY,"
    "desktop TEXT NOT NULL REFERENCES desktops(id) ON DELETE CASCADE,"
    "user_name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,"
    "session TEXT, created BIGINT NOT NULL, expires BIGINT NOT NULL,"
    "used BIGINT);\n"
    "CREATE INDEX tickets_expires ON tickets(expires);\n"

    "CREATE TABLE attaches("
    "hash TEXT PRIMARY KEY,"
    "desktop TEXT NOT NULL REFERENCES desktops(id) ON DELETE CASCADE,"
    "user_name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,"
    "session TEXT, protocol TEXT NOT NULL, peer TEXT NOT NULL,"
    "created BIGINT NOT NULL);\n"
    "CREATE INDEX attaches_desktop ON attaches(desktop);\n"
    "CREATE INDEX attaches_user ON attaches(user_name);\n"
    "CREATE INDEX attaches_session ON attaches(session);\n"

    "CREATE TABLE tasks("
    "id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL,"
    "state TEXT NOT NULL, image TEXT, version BIGINT, host TEXT,"
    "message TEXT, error TEXT, since BIGINT NOT NULL,"
    "created BIGINT NOT NULL);\n"
    "CREATE INDEX tasks_created ON tasks(created);\n"

    "CREATE TABLE events("
    "id @IDENTITY@, at BIGINT NOT NULL, kind TEXT NOT NULL,"
    "subject TEXT NOT NULL, user_name TEXT, text TEXT NOT NULL)";

static const char pools_and_limits[] =
    "CREATE TABLE quotas("
    "name TEXT PRIMARY KEY, desktops BIGINT NOT NULL, cpus BIGINT NOT NULL,"
    "memory_mib BIGINT NOT NULL, created BIGINT NOT NULL);\n"

    "ALTER TABLE pools ADD COLUMN kind TEXT NOT NULL DEFAULT 'dedicated';\n"
    "ALTER TABLE pools ADD COLUMN spares BIGINT NOT NULL DEFAULT 0;\n"
    /* 0: the newest that is ready */
    "ALTER TABLE pools ADD COLUMN version BIGINT NOT NULL DEFAULT 0;\n"
    "ALTER TABLE pools ADD COLUMN disconnect_s BIGINT NOT NULL DEFAULT 0;\n"
    "ALTER TABLE pools ADD COLUMN quota TEXT REFERENCES quotas(name);\n"
    "ALTER TABLE users ADD COLUMN max_desktops BIGINT NOT NULL DEFAULT 0;\n"

    /* what a desktop that is on has reserved */
    "ALTER TABLE desktops ADD COLUMN cpus BIGINT NOT NULL DEFAULT 0;\n"
    "ALTER TABLE desktops ADD COLUMN memory_mib BIGINT NOT NULL DEFAULT 0;\n"
    /* spares have no owner: '' */
    "DROP INDEX desktops_owner;\n"
    "CREATE UNIQUE INDEX desktops_owner ON desktops(pool, owner)"
    " WHERE removing = 0 AND owner <> ''";

static const char groups_and_codes[] =
    "CREATE TABLE groups("
    "name TEXT PRIMARY KEY, created BIGINT NOT NULL);\n"
    "CREATE TABLE group_users("
    "group_name TEXT NOT NULL REFERENCES groups(name) ON DELETE CASCADE,"
    "user_name TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,"
    "PRIMARY KEY(group_name, user_name));\n"
    "CREATE INDEX group_users_user ON group_users(user_name);\n"
    "CREATE TABLE pool_groups("
    "pool TEXT NOT NULL REFERENCES pools(name) ON DELETE CASCADE,"
    "group_name TEXT NOT NULL REFERENCES groups(name) ON DELETE CASCADE,"
    "PRIMARY KEY(pool, group_name));\n"
    /* totp: the secret, base32; NULL where no code is asked for. pending:
     * one that has been made and not been shown to work. step: the newest
     * that was used, since a code is good once */
    "ALTER TABLE users ADD COLUMN totp TEXT;\n"
    "ALTER TABLE users ADD COLUMN totp_pending TEXT;\n"
    "ALTER TABLE users ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0";

static const char once[] =
    "CREATE TABLE once("
    "who TEXT NOT NULL, key TEXT NOT NULL, call TEXT NOT NULL,"
    "body TEXT NOT NULL, status BIGINT NOT NULL, answer TEXT,"
    "created BIGINT NOT NULL, PRIMARY KEY(who, key))";

static const char causes[] =
    "ALTER TABLE tasks ADD COLUMN cause TEXT;\n"
    /* JSON: what its host is asked with, beside task, image and version */
    "ALTER TABLE tasks ADD COLUMN args TEXT;\n"
    "ALTER TABLE image_versions ADD COLUMN cause TEXT;\n"
    "ALTER TABLE image_versions ADD COLUMN since BIGINT NOT NULL DEFAULT 0;\n"
    "UPDATE image_versions SET since = created";

static const char policies[] =
    /* JSON: policy.h, schedule.h; NULL is none */
    "ALTER TABLE pools ADD COLUMN policy TEXT;\n"
    "ALTER TABLE pools ADD COLUMN schedule TEXT;\n"
    "ALTER TABLE pools ADD COLUMN idle_s BIGINT NOT NULL DEFAULT 0;\n"
    "ALTER TABLE groups ADD COLUMN policy TEXT";

static const char snapshots[] =
    "CREATE TABLE snapshots("
    "id TEXT PRIMARY KEY,"
    "desktop TEXT NOT NULL REFERENCES desktops(id) ON DELETE CASCADE,"
    /* another's id, or NULL; no reference, since a copy of the store has no
     * order in which each would find its parent */
    "name TEXT NOT NULL, parent TEXT, state TEXT NOT NULL,"
    "cause TEXT NOT NULL, since BIGINT NOT NULL, created BIGINT NOT NULL);\n"
    "CREATE UNIQUE INDEX snapshots_name ON snapshots(desktop, name);\n"
    /* the one that was taken or gone back to last */
    "ALTER TABLE desktops ADD COLUMN stands_on TEXT";

static const char sources[] =
    /* local, pam or oidc: whose password another system has */
    "ALTER TABLE users ADD COLUMN source TEXT NOT NULL DEFAULT 'local';\n"
    "ALTER TABLE group_users ADD COLUMN source TEXT NOT NULL DEFAULT 'local'";

static const char subjects[] =
    /* who that is at a sign-in provider, whatever they are called there */
    "ALTER TABLE users ADD COLUMN subject TEXT;\n"
    "CREATE UNIQUE INDEX users_subject ON users(subject)";

static const char homes[] =
    "ALTER TABLE pools ADD COLUMN home_mib BIGINT NOT NULL DEFAULT 0;\n"
    /* one for each person and pool; they stay when either goes. desktop: who
     * has it, or NULL; epoch grows with each grant; made: there was a disk */
    "CREATE TABLE homes("
    "id TEXT PRIMARY KEY, pool TEXT NOT NULL, owner TEXT NOT NULL,"
    "host TEXT NOT NULL, size_mib BIGINT NOT NULL, desktop TEXT,"
    "epoch BIGINT NOT NULL, made BIGINT NOT NULL, since BIGINT NOT NULL,"
    "created BIGINT NOT NULL);\n"
    "CREATE UNIQUE INDEX homes_owner ON homes(pool, owner);\n"
    "CREATE UNIQUE INDEX homes_desktop ON homes(desktop)";

static const struct store_migration schema_migrations[] = {
    {1, "People, images, pools, desktops, tickets, tasks, events", first},
    {2, "Floating pools, spares, quotas", pools_and_limits},
    {3, "Groups, codes at sign-in", groups_and_codes},
    {4, "Calls that are done once", once},
    {5, "Why tasks and images are in their states", causes},
    {6, "Policies, schedules, idle timeouts", policies},
    {7, "Snapshots", snapshots},
    {8, "People of other systems", sources},
    {9, "Who people are at a sign-in provider", subjects},
    {10, "Homes", homes},
};

/* Those referred to before those that refer. */
static const char *const tables[] = {
    "meta",           "quotas", "users",      "sessions", "images",
    "image_versions", "pools",  "pool_users", "desktops", "tickets",
    "attaches",       "tasks",  "events",     "groups",   "group_users",
    "pool_groups",    "once",   "snapshots",  "homes",    NULL};

const struct store_schema schema = {schema_migrations,
				    G_N_ELEMENTS(schema_migrations), tables};
