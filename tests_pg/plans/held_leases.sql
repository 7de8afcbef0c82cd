-- What a heartbeat, a mark and a look at the leases cost, before and after 20,000 heartbeats and 20,000 marks of which
-- no VACUUM may remove a version: a session holds a snapshot, and so would a replication slot or a standby. Pages of
-- all statements of a call, its helpers included; each call is made once beforehand, so that what it remembers of the
-- catalogs is not counted.
--
-- Mutations: the lease is found by another order than the index's: all but 14 and 15. What replaces it
-- deletes all of its worker's: 4, 6; what ends it: 17. An announcement may scan tables: 8, 9. The view looks by itself:
-- 16.
select plan(18);
select test.connect('holder');
select gd_register('w' || n, '{q}', lease => '1 hour') from generate_series(1, 3) as n \g /dev/null
select gd_enqueue('m', queue => 'other') \g /dev/null

create table test.call (name text, query text, before int, after int);
insert into test.call values
    ('a heartbeat', 'select gd_heartbeat(1)'),
    ('the check-in of a pick', 'select gendurable._check_in(1, ''q'', 1)'),
    ('a mark', 'select gendurable._mark_worker(1, ''q'', true, true)'),
    ('a pick of nothing', 'select * from gd_pick(1, ''q'', 1)'),
    ('an announcement', 'select gendurable._announce(''{q}'')'),
    ('an announcement that finds none asleep', 'select gendurable._announce(''{nowhere}'')'),
    ('an enqueue', 'select * from gd_enqueue(''m'', queue => ''q2'')'),
    ('a batch', 'select * from gd_enqueue_many(''[{"fsm": "m", "queue": "q2"}]'')'),
    ('a reaper', 'select gd_reap()'),
    ('a registration', 'select gd_register(''new'', lease => ''1 hour'')'),
    ('the newest version', 'select gendurable._newest_version(''m'')'),
    ('maintenance', 'select count(*) from gd_maintain()'),
    ('the view', 'select * from gd_workers');
select gd_register('declares', info => '{"machines": [{"fsm": "m", "version": 1}]}') \g /dev/null
create function test.look() returns void language plpgsql as $$
declare
    v_call record;
    v_pages int;
begin
    for v_call in select c.* from test.call as c loop
        begin
            v_pages := test.buffers(v_call.query, 3);
            raise exception using errcode = 'XX999', message = v_pages;
        exception when sqlstate 'XX999' then
            get stacked diagnostics v_pages = message_text;    -- and nothing of the call stays
        end;
        update test.call as c set after = v_pages, before = coalesce(c.before, v_pages) where c.name = v_call.name;
    end loop;
end
$$;
-- Seen to be small: plans that are made now are kept.
analyze gendurable.workers, gendurable.leases, gendurable.machines, gendurable.versions;
select test.look() \g /dev/null

select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.leases') \g /dev/null
do $$
begin
    for v_i in 1 .. 20000 loop
        perform gd_heartbeat(1), gendurable._mark_worker(1, 'q', v_i % 2 = 0, true);
        if v_i % 2000 = 0 then
            perform gd_heartbeat(2), gd_heartbeat(3);
        end if;
        commit;
    end loop;
end
$$;
select is((select count(*)::int from gendurable.leases), 4, 'each worker has one lease');
select cmp_ok(pg_relation_size('gendurable.leases'), '>', 20 * 8192::bigint, 'beside thousands of versions that were');
select test.look() \g /dev/null
vacuum gendurable.leases;
select cmp_ok(pg_stat_get_dead_tuples('gendurable.leases'::regclass), '>', 30000::bigint,
    'which VACUUM may not remove');
-- An index of 40,000 entries has a level or two more than one of four, and is gone down from the top each time.
select cmp_ok(c.after, '<=', c.before + 15, format('%s: %s pages before, %s after', c.name, c.before, c.after))
    from test.call as c;
select test.buffers('select gd_unregister(4)') \g /dev/null
select test.buffers('select gd_unregister(3)') as other \gset
select test.buffers('select gd_unregister(1)') as w \gset
select cmp_ok(greatest(:w, :other), '<=', 60, format('a worker that leaves: %s pages, and %s', :w, :other));
select test.exec('holder', 'rollback');
select is((select count(*)::int from gd_workers), 1, 'three have left');

select * from finish();
