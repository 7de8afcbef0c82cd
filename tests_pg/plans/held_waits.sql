-- What a look for what waits for a moment costs beside 8,000 parks with a deadline, all of them signalled, and 8,000
-- delays that are over, of which no VACUUM may remove a version: a session holds a snapshot. Another one has parked an
-- instance, and stays open. Pages of all statements of a call, its helpers included.
--
-- Mutations: holes are never noted (_stretches finds no row): 3 to 10, 13. The bound waits for the oldest transaction
--            that is open: 11.
select plan(14);
select test.connect('holder');
select test.connect('idle');
select gd_register('w', '{q}', lease => '1 hour') as w,
    gd_register('other', '{other}', lease => '1 hour') as other \gset
select count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "m", "queue": "q"}'::jsonb)
    from generate_series(1, 400))) \g /dev/null
select gd_enqueue('idle', queue => 'other') as late \gset

-- One turn: everything is picked, gets this outcome, and is signalled.
create function test.turn(outcome jsonb) returns void language plpgsql as $$
declare
    v_outcomes jsonb;
begin
    select jsonb_agg(jsonb_build_object('id', p.id, 'fence', p.fence) || outcome) into v_outcomes
        from gd_pick(1, 'q', 400) as p;
    perform gd_commit(1, v_outcomes);
    if outcome ->> 'kind' = 'await' then
        perform gd_signal_many((select jsonb_agg(jsonb_build_object('id', o ->> 'id', 'name', 'go'))
            from jsonb_array_elements(v_outcomes) as o));
    end if;
end
$$;
-- Notes of what waits, beyond the run of the latest turn.
create procedure test.note() language plpgsql as $$
begin
    for v_i in 1 .. 18 loop
        perform pg_current_xact_id();
        commit;
    end loop;
    for v_i in 1 .. 2 loop
        perform gendurable._move_waits('q');
        commit;
    end loop;
end
$$;
create function test.idle() returns xid8 language sql as $$
    select (test.query('idle', 'select pg_current_xact_id() as x') -> 0 ->> 'x')::xid8 $$;
create table test.call (name text, query text, before int, after int);
insert into test.call values
    ('the next moment', 'select gd_next_due(''q'')'),
    ('a look at what is due', 'select * from gendurable._wake_due(''q'')'),
    ('what is due and more urgent',
        'select gendurable._due_priority(''q'', array(select k.id from gendurable.kinds as k), now())'),
    ('maintenance', 'select * from gendurable._expire_awaits(''infinity'')');
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
select test.turn('{"kind": "await", "names": ["go"], "timeout_ms": 3600000}') \g /dev/null
-- One that waits behind all others, and stays.
select gd_enqueue('last', queue => 'q', delay => '2 hours') \g /dev/null
analyze gendurable.instances;
select test.look() \g /dev/null

select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.leases') \g /dev/null
select test.exec('idle', 'begin');
select test.query('idle', 'select count(*) from gd_enqueue(''idle'', queue => ''q'', delay => ''1 hour'')') \g /dev/null
do $$
begin
    for v_i in 1 .. 20 loop
        perform test.turn('{"kind": "await", "names": ["go"], "timeout_ms": 3600000}');
        commit;
    end loop;
    call test.note();
end
$$;
vacuum gendurable.instances;
select cmp_ok(pg_stat_get_dead_tuples('gendurable.instances'::regclass), '>', 15000::bigint,
    'thousands of versions that VACUUM may not remove');
select cmp_ok(pg_relation_size('gendurable.instances_due'), '>', 5 * 8192::bigint, 'and their entries');
select test.look() \g /dev/null
select cmp_ok(c.after, '<=', c.before + 25, format('%s: %s pages before, %s after parks', c.name, c.before, c.after))
    from test.call as c;
do $$
begin
    for v_i in 1 .. 20 loop
        perform test.turn('{"kind": "retry", "delay_ms": 1}');
        commit;
        perform pg_sleep(0.001);
        perform gendurable._wake_due('q');
        commit;
    end loop;
    call test.note();
end
$$;
select test.look() \g /dev/null
select cmp_ok(c.after, '<=', c.before + 25, format('%s: %s pages before, %s after delays', c.name, c.before, c.after))
    from test.call as c;
select ok((select test.idle() = any (w.pending) from gendurable.waits as w where w.queue = 'q'),
    'a transaction that stays open does not hold the bound');
select is(gd_next_due('q') - now() > interval '1 hour 5 minutes', true, 'what waits behind all of them is found');
select test.exec('idle', 'commit');
select test.buffers('select gd_next_due(''q'')', 3) as after \gset
select cmp_ok(:after, '<=', (select c.before + 40 from test.call as c where c.query ~ 'next_due'),
    format('the next moment when one has ended: %s pages', :after));
select is(gd_next_due('q') - now() between '10 minutes' and '1 hour', true, 'which is that of what it has left');
select test.exec('holder', 'rollback');

select * from finish();
