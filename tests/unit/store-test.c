#include <glib/gstdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/broker/schema.h"
#include "server/broker/store-clock.h"
#include "server/broker/store.h"

static const struct store_migration steps[] = {
    {1, "Things",
     "CREATE TABLE things(id @IDENTITY@, name TEXT UNIQUE,"
     " size BIGINT)"},
    {2, "Colours",
     "ALTER TABLE things ADD COLUMN colour TEXT;\n"
     "UPDATE things SET colour = 'none'"},
    {3, "Broken", "CREATE TABLE more(id @IDENTITY@);\nnonsense"},
};

struct place {
	char *folder, *path;
};

static void place_init(struct place *place)
{
	place->folder = g_dir_make_tmp("oriel-store-XXXXXX", NULL);
	place->path = g_build_filename(place->folder, "store.db", NULL);
}

static void place_finish(struct place *place)
{
	g_autoptr(GDir) dir = g_dir_open(place->folder, 0, NULL);
	const char *name;
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path =
		    g_build_filename(place->folder, name, NULL);
		g_unlink(path);
	}
	g_rmdir(place->folder);
	g_free(place->folder);
	g_free(place->path);
}

static const char *const tables[] = {"things", "more", NULL};

static struct store *open_steps(const struct place *place, gsize count,
				GError **error)
{
	/* kept while the store is: it refers to it */
	static struct store_schema part[4];
	part[count] = (struct store_schema){steps, count, tables};
	return store_open(place->path, place->path, &part[count], STORE_OWNER,
			  error);
}

static struct store *must_open(const struct place *place, gsize count)
{
	g_autoptr(GError) error = NULL;
	struct store *store = open_steps(place, count, &error);
	g_assert_no_error(error);
	return store;
}

static void add(struct store *store, const char *name, gint64 size)
{
	g_autoptr(GError) error = NULL;
	gint64 changed = 0;
	store_run(store, &changed, &error,
		  "INSERT INTO things(name, size) VALUES($1, $2)", "si", name,
		  size);
	g_assert_no_error(error);
	g_assert_cmpint(changed, ==, 1);
}

static gint64 count(struct store *store)
{
	g_autoptr(store_rows) rows =
	    store_query(store, NULL, "SELECT COUNT(*) FROM things", NULL);
	return store_rows_int(rows, 0, 0);
}

static void test_values(void)
{
	struct place place;
	place_init(&place);
	struct store *store = must_open(&place, 1);
	add(store, "it's \"quoted\"; DROP TABLE things", G_MAXINT64);
	add(store, NULL, G_MININT64);
	g_autoptr(store_rows) rows = store_query(
	    store, NULL, "SELECT name, size, $1 FROM things ORDER BY id", "s",
	    NULL);
	g_assert_cmpint(store_rows_count(rows), ==, 2);
	g_assert_cmpstr(store_rows_text(rows, 0, 0), ==,
			"it's \"quoted\"; DROP TABLE things");
	g_assert_cmpint(store_rows_int(rows, 0, 1), ==, G_MAXINT64);
	g_assert_null(store_rows_text(rows, 1, 0));
	g_assert_cmpint(store_rows_int(rows, 1, 1), ==, G_MININT64);
	g_assert_null(store_rows_text(rows, 0, 2));
	/* beyond the end there is nothing, safely */
	g_assert_null(store_rows_text(rows, 2, 0));
	g_assert_null(store_rows_text(rows, 0, 9));
	store_close(store);
	place_finish(&place);
}

static void test_transactions(void)
{
	struct place place;
	place_init(&place);
	struct store *store = must_open(&place, 1);
	g_autoptr(GError) error = NULL;
	g_assert_true(store_begin(store, NULL));
	add(store, "a", 1);
	g_assert_true(store_end(store, TRUE, NULL));
	g_assert_true(store_begin(store, NULL));
	add(store, "b", 2);
	g_assert_false(store_end(store, FALSE, NULL));
	g_assert_cmpint(count(store), ==, 1);
	g_assert_false(store_run(store, NULL, &error,
				 "INSERT INTO things(name) VALUES($1)", "s",
				 "a"));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_clear_error(&error);
	g_assert_false(store_run(store, NULL, &error, "nonsense", NULL));
	g_assert_error(error, FAULT, FAULT_INTERNAL);
	store_close(store);
	store = must_open(&place, 1);
	g_assert_cmpint(count(store), ==, 1);
	store_close(store);
	place_finish(&place);
}

struct heard {
	GMainLoop *loop;
	GString *order;
	const char *name;
};

static void on_kept(const GError *error, void *data)
{
	struct heard *heard = data;
	g_assert_no_error(error);
	g_string_append(heard->order, heard->name);
}

static void on_last(const GError *error, void *data)
{
	struct heard *heard = data;
	on_kept(error, heard);
	g_main_loop_quit(heard->loop);
}

/* Who waits for the disk is called in order, and not before the call that
 * asks has ended; who has changed nothing waits for nobody. */
static void test_kept(void)
{
	struct place place;
	place_init(&place);
	struct store *store = must_open(&place, 2);
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	GString *order = g_string_new("");
	struct heard a = {loop, order, "a"}, b = {loop, order, "b"},
		     c = {loop, order, "c"};
	store_settle(store);
	store_when_kept(store, 0, on_kept, &c);
	g_assert_cmpstr(order->str, ==, "c");
	add(store, "one", 1);
	guint64 mark = store_mark(store);
	store_when_kept(store, 0, on_kept, &a);
	store_when_kept(store, mark, on_kept, &c);
	g_assert_cmpstr(order->str, ==, "cc");
	/* one that is taken back, and one that nobody misses */
	g_assert_true(store_begin(store, NULL));
	add(store, "two", 2);
	g_assert_false(store_end(store, FALSE, NULL));
	g_assert_true(store_begin_brief(store, NULL));
	add(store, "two", 2);
	g_assert_true(store_end(store, TRUE, NULL));
	g_assert_cmpint((int)store_mark(store), ==, (int)mark);
	add(store, "three", 3);
	g_assert_cmpint((int)store_mark(store), >, (int)mark);
	store_when_kept(store, mark, on_last, &b);
	g_assert_cmpstr(order->str, ==, "cc");
	g_main_loop_run(loop);
	g_assert_cmpstr(order->str, ==, "ccab");
	/* who closes it waits for what is under way */
	add(store, "four", 4);
	store_close(store);
	store = must_open(&place, 2);
	g_assert_cmpint(count(store), ==, 4);
	store_close(store);
	g_string_free(order, TRUE);
	place_finish(&place);
}

/* The log does not grow for ever, and what it held is there. */
static void test_checkpoint(void)
{
	struct place place;
	place_init(&place);
	struct store *store = must_open(&place, 2);
	g_autofree char *log = g_strconcat(place.path, "-wal", NULL);
	g_autofree char *text = g_strnfill(400000, 'x');
	GStatBuf st;
	goffset most = 0;
	for (int i = 0; i < 200; i++) { /* 80 MB */
		gint64 changed;
		g_assert_true(store_run(store, &changed, NULL,
					"INSERT INTO things(name, size)"
					" VALUES($1, $2)"
					" ON CONFLICT(name) DO UPDATE"
					" SET size = things.size + 1",
					"si", text, (gint64)1));
		text[i] = 'y';
		store_settle(store);
		g_assert_cmpint(g_stat(log, &st), ==, 0);
		most = MAX(most, st.st_size);
	}
	g_assert_cmpint(most, <, 100000000);
	g_assert_cmpint(count(store), ==, 200);
	store_close(store);
	place_finish(&place);
}

/* A database or machine whose clock is set ends nobody's session. */
static void test_clock(void)
{
	const gint64 s = G_USEC_PER_SEC, day_ms = 86400000;
	struct store_clock clock = {0};
	gint64 wall = 1700000000000, now = 5 * s;
	g_assert_true(store_clock_wants_look(&clock, now));
	store_clock_look(&clock, TRUE, wall, now);
	g_assert_cmpint(store_clock_ms(&clock, now), ==, wall);
	g_assert_false(store_clock_wants_look(&clock, now + 30 * s));
	g_assert_cmpint(store_clock_ms(&clock, now + 30 * s), ==, wall + 30000);
	/* a little is followed at once */
	now += 61 * s;
	g_assert_true(store_clock_wants_look(&clock, now));
	store_clock_look(&clock, TRUE, wall + 62500, now);
	g_assert_cmpint(store_clock_ms(&clock, now), ==, wall + 62500);
	wall += 1500; /* what it is ahead by, from the beginning */
	/* a jump of a day there and back, either way: nothing is seen of it */
	for (int way = -1; way <= 1; way += 2) {
		for (int minute = 0; minute < 9; minute++) {
			now += 60 * s;
			gint64 right = wall + (now - 5 * s) / 1000;
			store_clock_look(&clock, TRUE, right + way * day_ms,
					 now);
			g_assert_cmpint(store_clock_ms(&clock, now), ==, right);
		}
		now += 60 * s;
		store_clock_look(&clock, TRUE, wall + (now - 5 * s) / 1000,
				 now);
	}
	/* no answer, for an hour: it goes on */
	for (int minute = 0; minute < 60; minute++) {
		now += 60 * s;
		store_clock_look(&clock, FALSE, 0, now);
		g_assert_cmpint(store_clock_ms(&clock, now), ==,
				wall + (now - 5 * s) / 1000);
	}
	/* one that was put right for good is believed after ten minutes */
	gint64 right = 0;
	for (int minute = 0; minute <= 11; minute++) {
		now += 60 * s;
		right = wall + (now - 5 * s) / 1000 + day_ms;
		store_clock_look(&clock, TRUE, right, now);
	}
	g_assert_cmpint(store_clock_ms(&clock, now), ==, right);
	/* one that jumps about never is */
	for (int minute = 0; minute < 60; minute++) {
		now += 60 * s;
		right += 60000;
		store_clock_look(&clock, TRUE,
				 right + minute % 5 * day_ms + day_ms, now);
		g_assert_cmpint(store_clock_ms(&clock, now), ==, right);
	}
}

static void test_migrations(void)
{
	struct place place;
	place_init(&place);
	struct store *store = must_open(&place, 1);
	add(store, "old", 1);
	store_close(store);
	store = must_open(&place, 2);
	g_autoptr(store_rows) rows =
	    store_query(store, NULL, "SELECT colour FROM things", NULL);
	g_assert_cmpstr(store_rows_text(rows, 0, 0), ==, "none");
	store_close(store);
	/* the snapshot is the store as it was before */
	g_autofree char *aside = g_strconcat(place.path, ".before-2", NULL);
	struct place before = {NULL, aside};
	store = must_open(&before, 1);
	g_assert_cmpint(count(store), ==, 1);
	g_assert_null(
	    store_query(store, NULL, "SELECT colour FROM things", NULL));
	store_close(store);
	place_finish(&place);
}

/* One that fails half-way leaves the format as it was, and a second start
 * fails alike instead of going on from the middle. */
static void test_failed_migration(void)
{
	struct place place;
	place_init(&place);
	store_close(must_open(&place, 2));
	for (int i = 0; i < 2; i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(open_steps(&place, 3, &error));
		g_assert_error(error, FAULT, FAULT_INTERNAL);
	}
	struct store *store = must_open(&place, 2);
	g_assert_null(store_query(store, NULL, "SELECT id FROM more", NULL));
	store_close(store);
	place_finish(&place);
}

static void test_newer(void)
{
	struct place place;
	place_init(&place);
	store_close(must_open(&place, 2));
	g_autoptr(GError) error = NULL;
	g_assert_null(open_steps(&place, 1, &error));
	g_assert_error(error, FAULT, FAULT_STORAGE);
	g_assert_nonnull(strstr(error->message, "newer Oriel"));
	place_finish(&place);
}

/* The released schema opens from nothing, and again. */
static void test_schema(void)
{
	struct place place;
	place_init(&place);
	for (int i = 0; i < 2; i++) {
		g_autoptr(GError) error = NULL;
		struct store *store = store_open(place.path, place.path,
						 &schema, STORE_OWNER, &error);
		g_assert_no_error(error);
		store_close(store);
	}
	place_finish(&place);
}

/* Everything, into another store that has to be empty. */
static void test_copy(void)
{
	struct place place, other;
	place_init(&place);
	place_init(&other);
	struct store *from = must_open(&place, 2), *to = must_open(&other, 2);
	g_autoptr(GError) error = NULL;
	for (gint64 i = 0; i < 200; i++) {
		g_autofree char *name =
		    g_strdup_printf("thing '%d' \xc3\xa4", (int)i);
		add(from, name, i - 100);
	}
	store_run(from, NULL, &error,
		  "UPDATE things SET colour = NULL WHERE size = 7", NULL);
	g_assert_no_error(error);
	gint64 rows = 0;
	g_assert_true(store_copy(from, to, &rows, &error));
	g_assert_no_error(error);
	g_assert_cmpint(rows, ==, 200);
	static const char all[] = "SELECT id, name, size, colour FROM things"
				  " ORDER BY id";
	g_autoptr(store_rows) left = store_query(from, NULL, all, NULL);
	g_autoptr(store_rows) right = store_query(to, NULL, all, NULL);
	for (gsize i = 0; i < 200; i++)
		for (unsigned k = 0; k < 4; k++)
			g_assert_cmpstr(store_rows_text(left, i, k), ==,
					store_rows_text(right, i, k));
	/* a second time it would be mixed up */
	g_assert_false(store_copy(from, to, NULL, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_cmpint(count(to), ==, 200);
	g_assert_true(store_wipe(to, NULL));
	g_assert_cmpint(count(to), ==, 0);
	store_close(from);
	store_close(to);
	place_finish(&place);
	place_finish(&other);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/store/values", test_values);
	g_test_add_func("/store/transactions", test_transactions);
	g_test_add_func("/store/clock", test_clock);
	g_test_add_func("/store/kept", test_kept);
	g_test_add_func("/store/checkpoint", test_checkpoint);
	g_test_add_func("/store/migrations", test_migrations);
	g_test_add_func("/store/failed-migration", test_failed_migration);
	g_test_add_func("/store/newer", test_newer);
	g_test_add_func("/store/schema", test_schema);
	g_test_add_func("/store/copy", test_copy);
	return g_test_run();
}
