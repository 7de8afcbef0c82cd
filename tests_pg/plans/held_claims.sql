-- What a heartbeat, a reaper, a registration and the view cost beside 20,000 claims that a worker once held, of which
-- no VACUUM may remove a version: a session holds a snapshot. Pages of all statements of a call, its helpers included.
--
-- Mutations: the bound is never raised: all but 1 and 2. A reaper walks all holders: 5. What the worker is listed to
--            hold is looked for among all that it ever held: 4.
select plan(9);
select test.connect('holder');
select test.up_for_ever();
select gd_register('w', '{q}', lease => '1 hour') as w, gd_register('other', '{q}', lease => '1 hour') as other \gset
select count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "m", "queue": "q"}'::jsonb)
    from generate_series(1, 500))) \g /dev/null

create function test.turn() returns void language sql as $$
    select count(*) from gd_pick(1, 'q', 200);
    select gd_release(1, array(select i.id from gendurable.instances as i where i.phase = 'executing'));
$$;
create table test.call (name text, query text, before int, after int);
insert into test.call values
    ('a heartbeat', 'select gd_heartbeat(1)'),
    ('a heartbeat with a list', 'select gd_heartbeat(1, array[-1, -2])'),
    ('a reaper', 'select gd_reap()'),
    ('a registration', 'select gd_register(''new'', lease => ''1 hour'')'),
    ('the view', 'select sum(executing) from gd_workers');
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
select test.turn(), gd_heartbeat(1), gd_heartbeat(1), gd_heartbeat(1) \g /dev/null
analyze gendurable.instances, gendurable.workers, gendurable.leases, gendurable.departed;
select test.look() \g /dev/null

select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.leases') \g /dev/null
do $$
begin
    for v_i in 1 .. 100 loop
        perform test.turn();
        commit;
    end loop;
    perform gd_heartbeat(1);
    commit;
    perform gd_heartbeat(1);
    commit;
end
$$;
vacuum gendurable.instances;
select cmp_ok(pg_stat_get_dead_tuples('gendurable.instances'::regclass), '>', 19000::bigint,
    'thousands of claims that VACUUM may not remove');
select cmp_ok(pg_relation_size('gendurable.instances_claims'), '>', 8 * 8192::bigint, 'and their entries');
select test.look() \g /dev/null
select cmp_ok(c.after, '<=', c.before + 15, format('%s: %s pages before, %s after', c.name, c.before, c.after))
    from test.call as c;
select count(*) from gd_pick(1, 'q', 3) \g /dev/null
select test.buffers('select gendurable._release(array[2::bigint])') as other,
    test.buffers('select gendurable._claims(array[1::bigint])', 2) as claims \gset
select cmp_ok(:claims, '<=', 20, format('all that the worker holds: %s pages', :claims));
select is(gd_unregister(:w), 3, 'a worker that leaves releases it');
select test.exec('holder', 'rollback');

select * from finish();
