/* ctest: lane=quick timeout=300 */
#include "contract/rig.h"

static uint8_t bytes[PK_LIMIT_BATCH_BYTES];
static uint64_t newest;

static struct pk_str key_of(uint64_t number, uint8_t out[8]) {
    for (uint32_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(number >> (56u - 8u * i));
    }
    return pk_str_make((const char *)out, 8);
}

static bool is_durable(struct rig *r) {
    return r->port.store.durable(r->port.store.ctx) >= newest;
}

static int submit(struct rig *r, const struct pk_store_batch *b) {
    return r->port.store.submit(r->port.store.ctx, b, &newest);
}

/* Keys and values of a load, as text. */
struct seen {
    char text[4096];
    struct pk_buf b;
    uint32_t count, stop_at;
};

static int see(void *arg, struct pk_str key, struct pk_str value) {
    struct seen *s = arg;
    pk_buf_put_str(&s->b, key);
    pk_buf_putc(&s->b, '=');
    pk_buf_put_str(&s->b, value);
    pk_buf_putc(&s->b, ';');
    s->count++;
    return s->count == s->stop_at ? PK_E_CONFLICT : PK_OK;
}

static int load(struct rig *r, enum pk_tree tree, const char *from, struct seen *s, uint32_t stop_at) {
    s->count = 0;
    s->stop_at = stop_at;
    pk_buf_init(&s->b, s->text, sizeof s->text);
    return r->port.store.load(r->port.store.ctx, tree, pk_str_of(from), see, s);
}

static void put_abc(struct rig *r) {
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("b"), pk_str_of("two")), PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("a"), pk_str_of("one")), PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("c"), pk_str_of("")), PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of("j1"), pk_str_of("entry")), PK_OK);
    CHECK_EQ_INT(submit(r, &b), PK_OK);
}

static struct seen seen;

ON_BOTH(store__fresh__is_empty) {
    struct pk_store_status status;
    rig->port.store.status(rig->port.store.ctx, &status);
    CHECK(status.is_fresh && !status.was_moved_aside && !status.is_map_full);
    CHECK_EQ_INT(status.last_error, PK_OK);
    CHECK(status.map_bytes >= RIG_MAP_BYTES / 2 && status.used_bytes < status.map_bytes / 8u);
    CHECK_EQ_U64(rig->port.store.durable(rig->port.store.ctx), 0);
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "");
    CHECK_EQ_INT(load(rig, PK_TREE_JOURNAL, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "");
}

ON_BOTH(store__batch__is_numbered_durable_and_in_key_order) {
    put_abc(rig);
    CHECK_EQ_U64(newest, 1);
    REQUIRE(rig_until(rig, is_durable));
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "a=one;b=two;c=;");
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "b", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "b=two;c=;");
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "bb", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "c=;");
    CHECK_EQ_INT(load(rig, PK_TREE_JOURNAL, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "j1=entry;");
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 2), PK_E_CONFLICT);
    CHECK_EQ_U64(seen.count, 2);
}

ON_BOTH(store__delete_and_replace__in_later_batches) {
    put_abc(rig);
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_delete(&b, PK_TREE_OBJECTS, pk_str_of("a")) == PK_OK);
    REQUIRE(pk_batch_delete(&b, PK_TREE_OBJECTS, pk_str_of("never there")) == PK_OK);
    REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("b"), pk_str_of("2")) == PK_OK);
    REQUIRE(pk_batch_delete(&b, PK_TREE_JOURNAL, pk_str_of("j1")) == PK_OK);
    REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of("j0"), pk_str_of("older key")) == PK_OK);
    CHECK_EQ_INT(submit(rig, &b), PK_OK);
    CHECK_EQ_U64(newest, 2);
    REQUIRE(rig_until(rig, is_durable));
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "b=2;c=;");
    CHECK_EQ_INT(load(rig, PK_TREE_JOURNAL, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "j0=older key;");
}

ON_BOTH(store__empty_batch__is_the_newest_number) {
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK_EQ_INT(submit(rig, &b), PK_OK);
    CHECK_EQ_U64(newest, 0);
    put_abc(rig);
    pk_batch_clear(&b);
    CHECK_EQ_INT(submit(rig, &b), PK_OK);
    CHECK_EQ_U64(newest, 1);
}

ON_BOTH(store__caller_reuses_its_buffer__bytes_were_copied) {
    put_abc(rig);
    memset(bytes, 0xFF, sizeof bytes);
    REQUIRE(rig_until(rig, is_durable));
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "a=one;b=two;c=;");
}

ON_BOTH(store__restart__keeps_what_was_durable_and_counts_from_one) {
    put_abc(rig);
    REQUIRE(rig_until(rig, is_durable));
    rig_restart(rig);
    struct pk_store_status status;
    rig->port.store.status(rig->port.store.ctx, &status);
    CHECK(!status.is_fresh);
    CHECK_EQ_U64(rig->port.store.durable(rig->port.store.ctx), 0);
    CHECK_EQ_INT(load(rig, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "a=one;b=two;c=;");
    put_abc(rig);
    CHECK_EQ_U64(newest, 1);
}

ON_BOTH(store__largest_key_and_value__come_back) {
    static char key[PK_STORE_KEY_BYTES], value[PK_STORE_VALUE_BYTES];
    memset(key, 'k', sizeof key);
    for (uint32_t i = 0; i < sizeof value; i++) {
        value[i] = (char)(i * 31u);
    }
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_make(key, sizeof key),
                         pk_str_make(value, sizeof value)) == PK_OK);
    CHECK_EQ_INT(submit(rig, &b), PK_OK);
    REQUIRE(rig_until(rig, is_durable));
    static uint8_t out[4096];
    struct pk_store_fetch f = {.tree = PK_TREE_JOURNAL,
                               .from = {'k'},
                               .to = {'l'},
                               .from_bytes = 1,
                               .to_bytes = 1,
                               .max_records = 10,
                               .out = out,
                               .out_cap_bytes = sizeof out};
    REQUIRE(rig->port.store.fetch(rig->port.store.ctx, &f) == PK_OK);
    uint32_t n = 0;
    int got = PK_E_AGAIN;
    for (uint32_t i = 0; i < 600 && got == PK_E_AGAIN; i++) {
        rig_wait(rig, 50);
        got = rig->port.store.fetched(rig->port.store.ctx, &n);
    }
    REQUIRE(got == 1);
    uint32_t at = 0;
    struct pk_str k, v;
    REQUIRE(pk_fetch_next(out, n, &at, &k, &v) == PK_OK);
    CHECK_EQ_U64(v.n, sizeof value);
    CHECK_MEM(v.p, value, sizeof value);
    CHECK_EQ_U64(k.n, sizeof key);
}

static int fetch_range(struct rig *r, const char *from, const char *to, uint32_t max, uint8_t *out,
                       uint32_t cap, uint32_t *out_n) {
    struct pk_store_fetch f = {.tree = PK_TREE_OBJECTS, .max_records = max, .out = out, .out_cap_bytes = cap};
    f.from_bytes = (uint8_t)strlen(from);
    f.to_bytes = (uint8_t)strlen(to);
    memcpy(f.from, from, f.from_bytes);
    memcpy(f.to, to, f.to_bytes);
    CHECK_EQ_INT(r->port.store.fetch(r->port.store.ctx, &f), PK_OK);
    CHECK_EQ_INT(r->port.store.fetch(r->port.store.ctx, &f), PK_E_BUSY);
    int got = PK_E_AGAIN;
    for (uint32_t i = 0; i < 600 && got == PK_E_AGAIN; i++) {
        rig_wait(r, 50);
        got = r->port.store.fetched(r->port.store.ctx, out_n);
    }
    return got;
}

ON_BOTH(store__fetch__range_limits_and_room) {
    static uint8_t out[256];
    uint32_t n = 7;
    CHECK_EQ_INT(rig->port.store.fetched(rig->port.store.ctx, &n), PK_E_NOT_FOUND);
    put_abc(rig);
    REQUIRE(rig_until(rig, is_durable));
    CHECK_EQ_INT(fetch_range(rig, "a", "c", 10, out, sizeof out, &n), 2);
    uint32_t at = 0;
    struct pk_str k, v;
    REQUIRE(pk_fetch_next(out, n, &at, &k, &v) == PK_OK);
    CHECK(pk_str_eq_c(k, "a") && pk_str_eq_c(v, "one"));
    REQUIRE(pk_fetch_next(out, n, &at, &k, &v) == PK_OK);
    CHECK(pk_str_eq_c(k, "b") && pk_str_eq_c(v, "two"));
    CHECK_EQ_INT(pk_fetch_next(out, n, &at, &k, &v), PK_E_NOT_FOUND);
    CHECK_EQ_INT(fetch_range(rig, "", "zz", 10, out, sizeof out, &n), 3); /* and not the store's own record */
    CHECK_EQ_INT(fetch_range(rig, "a", "c", 1, out, sizeof out, &n), 1);
    CHECK_EQ_INT(fetch_range(rig, "a", "d", 10, out, 17, &n), 2);
    CHECK_EQ_INT(fetch_range(rig, "x", "y", 10, out, sizeof out, &n), 0);
    CHECK_EQ_U64(n, 0);
    CHECK_EQ_INT(fetch_range(rig, "a", "b", 10, out, 3, &n), 0);
}

ON_BOTH(store__full_queue__takes_nothing_and_recovers) {
    static char value[PK_STORE_VALUE_BYTES];
    struct pk_store_batch b;
    uint8_t key[8];
    uint32_t refused = 0;
    uint64_t taken = 0;
    for (uint32_t i = 0; i < 200; i++) {
        pk_batch_init(&b, bytes, sizeof bytes);
        for (uint32_t k = 0; k < 4; k++) {
            REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, key_of(i * 4u % 64u + k, key),
                                 pk_str_make(value, sizeof value)) == PK_OK);
        }
        const uint64_t before = newest = taken;
        const int err = submit(rig, &b);
        if (err == PK_E_FULL) {
            refused++;
            CHECK_EQ_U64(newest, before);
            REQUIRE(rig_until(rig, is_durable)); /* what was taken before */
            REQUIRE(submit(rig, &b) == PK_OK);
        } else {
            REQUIRE(err == PK_OK);
        }
        taken++;
        CHECK_EQ_U64(newest, taken);
    }
    CHECK(refused > 0);
    REQUIRE(rig_until(rig, is_durable));
    struct pk_store_status status;
    rig->port.store.status(rig->port.store.ctx, &status);
    CHECK(status.queued_high_bytes > 0 && status.queued_high_bytes <= PK_LIMIT_STORE_QUEUE_BYTES);
    CHECK_EQ_U64(status.queued_bytes, 0);
    CHECK(status.commit_count > 0 && status.commit_count <= taken);
}

static int count_only(void *arg, struct pk_str key, struct pk_str value) {
    (void)key;
    (void)value;
    ++*(uint32_t *)arg;
    return PK_OK;
}

ON_BOTH(store__full_map__refuses_additions_but_deletes) {
    static char value[1000];
    struct pk_store_batch b;
    uint8_t key[8];
    struct pk_store_status status = {0};
    uint64_t number = 0;
    while (!status.is_map_full && number < 10000) {
        pk_batch_init(&b, bytes, sizeof bytes);
        for (uint32_t k = 0; k < 16; k++) {
            REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, key_of(number++, key),
                                 pk_str_make(value, sizeof value)) == PK_OK);
        }
        const int err = submit(rig, &b);
        CHECK(err == PK_OK || err == PK_E_FULL);
        REQUIRE(rig_until(rig, is_durable));
        rig->port.store.status(rig->port.store.ctx, &status);
    }
    REQUIRE(status.is_map_full);
    CHECK_EQ_INT(status.last_error, PK_OK);
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("x"), pk_str_of("y")) == PK_OK);
    CHECK_EQ_INT(submit(rig, &b), PK_E_FULL);
    /* Deleting works, in slices, until there is room again. */
    for (uint64_t i = 0; i < number && status.is_map_full; i += 64) {
        pk_batch_init(&b, bytes, sizeof bytes);
        for (uint64_t k = i; k < i + 64; k++) {
            REQUIRE(pk_batch_delete(&b, PK_TREE_JOURNAL, key_of(k, key)) == PK_OK);
        }
        REQUIRE(submit(rig, &b) == PK_OK);
        REQUIRE(rig_until(rig, is_durable));
        rig->port.store.status(rig->port.store.ctx, &status);
        CHECK_EQ_INT(status.last_error, PK_OK);
    }
    CHECK(!status.is_map_full);
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("x"), pk_str_of("y")) == PK_OK);
    CHECK_EQ_INT(submit(rig, &b), PK_OK);
    REQUIRE(rig_until(rig, is_durable));
    uint32_t left = 0;
    CHECK_EQ_INT(rig->port.store.load(rig->port.store.ctx, PK_TREE_JOURNAL, pk_str_of(""), count_only, &left),
                 PK_OK);
    CHECK(left > 0 && left < number);
}

ON_BOTH(store__random_operations__agree_with_a_table) {
    enum { KEYS = 200 };
    static int table[KEYS]; /* 0: absent, else the seed of its value */
    memset(table, 0, sizeof table);
    struct pk_rng rng;
    pk_rng_seed(&rng, 7);
    for (uint32_t round = 0; round < 150; round++) {
        struct pk_store_batch b;
        pk_batch_init(&b, bytes, sizeof bytes);
        const uint64_t ops = 1u + pk_rng_below(&rng, 60);
        for (uint64_t i = 0; i < ops; i++) {
            uint8_t key[8];
            const uint32_t k = (uint32_t)pk_rng_below(&rng, KEYS);
            if (pk_rng_below(&rng, 3) == 0) {
                REQUIRE(pk_batch_delete(&b, PK_TREE_OBJECTS, key_of(k, key)) == PK_OK);
                table[k] = 0;
                continue;
            }
            static char value[300];
            const int seed = 1 + (int)pk_rng_below(&rng, 250);
            memset(value, seed, sizeof value);
            REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, key_of(k, key), pk_str_make(value, (size_t)seed)) ==
                    PK_OK);
            table[k] = seed;
        }
        while (submit(rig, &b) == PK_E_FULL) {
            rig_wait(rig, 5);
        }
        if (round % 50 == 49) {
            REQUIRE(rig_until(rig, is_durable));
            rig_restart(rig);
        }
    }
    REQUIRE(rig_until(rig, rig_all_durable));
    uint32_t count = 0;
    CHECK_EQ_INT(
        rig->port.store.load(rig->port.store.ctx, PK_TREE_OBJECTS, pk_str_of(""), count_only, &count), PK_OK);
    uint32_t want = 0;
    static uint8_t out[1024];
    for (uint32_t k = 0; k < KEYS; k++) {
        want += table[k] != 0 ? 1u : 0u;
        struct pk_store_fetch f = {
            .tree = PK_TREE_OBJECTS, .max_records = 1, .out = out, .out_cap_bytes = sizeof out};
        key_of(k, f.from);
        key_of(k + 1u, f.to);
        f.from_bytes = f.to_bytes = 8;
        REQUIRE(rig->port.store.fetch(rig->port.store.ctx, &f) == PK_OK);
        uint32_t n = 0;
        int got = PK_E_AGAIN;
        while (got == PK_E_AGAIN) {
            rig_wait(rig, 20);
            got = rig->port.store.fetched(rig->port.store.ctx, &n);
        }
        CHECK_EQ_INT(got, table[k] != 0);
        uint32_t at = 0;
        struct pk_str key, value;
        if (got == 1 && pk_fetch_next(out, n, &at, &key, &value) == PK_OK) {
            CHECK_EQ_U64(value.n, (uint64_t)table[k]);
            CHECK(value.n > 0 && value.p[value.n - 1] == (char)table[k]);
        }
    }
    CHECK_EQ_U64(count, want);
}

/* ---- schema: what the file says of its own form; LMDB alone has it ---- */

static uint32_t schema_in_file(const struct rig *r, uint32_t write) {
    char path[RIG_PATH_BYTES];
    uint8_t value[PK_STORE_WRAP_BYTES + 4];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {.mv_size = 6, .mv_data = (void *)(uintptr_t) "schema"}, v;
    rig_path(r, PK_STORE_FILE, path);
    CHECK_EQ_INT(mdb_env_create(&env), 0);
    CHECK_EQ_INT(mdb_env_set_maxdbs(env, PK_TREE_COUNT), 0);
    CHECK_EQ_INT(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
    CHECK_EQ_INT(mdb_txn_begin(env, NULL, 0, &txn), 0);
    CHECK_EQ_INT(mdb_dbi_open(txn, "objects", 0, &dbi), 0);
    CHECK_EQ_INT(mdb_get(txn, dbi, &k, &v), 0);
    CHECK_EQ_U64(v.mv_size, sizeof value);
    memcpy(value, v.mv_data, sizeof value);
    const uint32_t schema = (uint32_t)value[PK_STORE_WRAP_BYTES] | (uint32_t)value[PK_STORE_WRAP_BYTES + 1]
                                                                       << 8;
    if (write > 0) {
        value[PK_STORE_WRAP_BYTES] = (uint8_t)write;
        pk_store_wrap(PK_TREE_OBJECTS, pk_str_of("schema"),
                      pk_str_make((const char *)value + PK_STORE_WRAP_BYTES, 4), value);
        v = (MDB_val){.mv_size = sizeof value, .mv_data = value};
        CHECK_EQ_INT(mdb_put(txn, dbi, &k, &v, 0), 0);
    }
    CHECK_EQ_INT(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    return schema;
}

PK_TEST(store__schema_before__is_read_and_raised__a_later_one_is_left_alone) {
    struct rig *r = &rig_only;
    rig_open(r, false);
    const struct pk_lmdb_config config = {
        .state_dir = r->dir, .map_bytes = RIG_MAP_BYTES, .wake_fd = -1, .now_us = pk_linux_mono_us};
    put_abc(r);
    REQUIRE(rig_until(r, is_durable));
    pk_lmdb_close(&r->store);
    CHECK_EQ_U64(schema_in_file(r, PK_STORE_SCHEMA - 1), PK_STORE_SCHEMA);
    CHECK_EQ_INT(pk_lmdb_open(&r->store, &config, &r->port.store), PK_OK);
    struct pk_store_status status;
    r->port.store.status(r->port.store.ctx, &status);
    CHECK(!status.is_fresh && !status.was_moved_aside);
    CHECK_EQ_U64(status.record_count, 4);
    CHECK_EQ_INT(load(r, PK_TREE_OBJECTS, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "a=one;b=two;c=;");
    pk_lmdb_close(&r->store);
    CHECK_EQ_U64(schema_in_file(r, PK_STORE_SCHEMA + 1), PK_STORE_SCHEMA); /* before anything was written */
    CHECK_EQ_INT(pk_lmdb_open(&r->store, &config, &r->port.store), PK_E_UNSUPPORTED);
    CHECK_EQ_U64(schema_in_file(r, PK_STORE_SCHEMA), PK_STORE_SCHEMA + 1);
    CHECK_EQ_INT(pk_lmdb_open(&r->store, &config, &r->port.store), PK_OK);
    CHECK_EQ_INT(load(r, PK_TREE_JOURNAL, "", &seen, 0), PK_OK);
    CHECK_STR(seen.text, "j1=entry;");
    rig_close(r);
}

CONTRACT_MAIN(store__schema_before__is_read_and_raised__a_later_one_is_left_alone,
              BOTH(store__fresh__is_empty), BOTH(store__batch__is_numbered_durable_and_in_key_order),
              BOTH(store__delete_and_replace__in_later_batches),
              BOTH(store__empty_batch__is_the_newest_number),
              BOTH(store__caller_reuses_its_buffer__bytes_were_copied),
              BOTH(store__restart__keeps_what_was_durable_and_counts_from_one),
              BOTH(store__largest_key_and_value__come_back), BOTH(store__fetch__range_limits_and_room),
              BOTH(store__full_queue__takes_nothing_and_recovers),
              BOTH(store__full_map__refuses_additions_but_deletes),
              BOTH(store__random_operations__agree_with_a_table))
