-- How much of what it finds a pick hands out.
begin;
\ir ../prelude.psql
select plan(12);

-- _weigh in one line, by the names of the instances.
create function pg_temp.names(p_ids bigint[]) returns text language sql as $$
    select coalesce(string_agg(m.fsm, ' ' order by m.fsm), '-') from made as m where m.id = any (p_ids) $$;
create function pg_temp.weigh(p_room bigint, p_first boolean, variadic p_fsms text[]) returns text language sql as $$
    select concat_ws(' | ', pg_temp.names(w.fit), pg_temp.names(w.rest), pg_temp.names(w.too_large))
    from gendurable._weigh(array(select m.id from made as m where m.fsm = any (p_fsms)), p_room, p_first) as w
$$;
-- A value in a table has a shorter header than one that was just made.
create temp table kept (value jsonb);
create function pg_temp.stored(p_value jsonb) returns bigint language plpgsql as $$
begin
    delete from kept;
    insert into kept values (p_value);
    return (select gendurable._json_size(k.value) from kept as k);
end
$$;
create function pg_temp.listed(p_name text, p_value jsonb) returns bigint language sql as $$
    select gendurable._listed_size(p_name) + pg_temp.stored(p_value) $$;
create function pg_temp.bytes(p_fsm text) returns bigint language sql as $$
    select w.bytes from gendurable._weigh(array[pg_temp.id(p_fsm)], 0, true) as w $$;
select pg_temp.put(f, jsonb_build_object('state', repeat('x', 1000), 'priority', p))
    from (values ('a', 1), ('b', 2), ('c', 3)) as v (f, p) \g /dev/null
select is(pg_temp.weigh(1e9::bigint, false, 'a', 'b', 'c'), 'a b c | - | -', 'all of them, where there is room');
select is(pg_temp.bytes('a'), gendurable._json_size(to_jsonb(repeat('x', 1000))), 'a state takes its bytes');
select is(pg_temp.weigh(2 * pg_temp.bytes('a'), false, 'c', 'b', 'a'), 'a b | c | -', 'the most urgent ones that fit');
select is(pg_temp.weigh(10, true, 'a', 'b', 'c'), 'a | b c | -', 'always one');
select is(pg_temp.weigh(10, false, 'a', 'b', 'c'), '- | a b c | -', 'but for a pick that has one');
select is((select (w.fit, w.rest, w.too_large)::text from gendurable._weigh('{}', 10, true) as w), '({},{},{})',
    'of none, none');

-- Lists.
select pg_temp.put('i'), gd_signal(pg_temp.id('i'), 's', to_jsonb(repeat('x', 1000))) \g /dev/null
select is(pg_temp.bytes('i'), pg_temp.stored('{}') + pg_temp.listed('s', to_jsonb(repeat('x', 1000))),
    'an inbox takes its bytes');
update gendurable.instances set awaits = '{s}' where id = pg_temp.id('i');
select is(pg_temp.bytes('i'), pg_temp.stored('{}') + 2 * pg_temp.listed('s', to_jsonb(repeat('x', 1000))),
    'twice where some of it was awaited');
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    select gendurable._inbox_key(pg_temp.id('i'), 0), pg_temp.id('i'), now(), 's', to_jsonb(repeat('x', 35000000))
    from generate_series(1, 2);
select is(pg_temp.bytes('i'), pg_temp.stored('{}') + 2 * gendurable._most_bytes(), 'no more than it is handed out');
select pg_temp.put('l'), gd_signal(pg_temp.id('l'), 's') \g /dev/null
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    select gendurable._inbox_key(pg_temp.id('l'), 0), pg_temp.id('l'), now(), repeat('n', 1000),
    '1' from generate_series(1, 60000);
select is(pg_temp.weigh(10, true, 'l', 'a', 'b'), 'a | b | l',
    'a list that is too long is for no pick, and takes no room');

-- Children.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, result, error, parent_id, parent_round, ord)
select 100000 + n, now(), now(), 1, 0, 0, 1, false, 'c', 's', 'q', '1', to_jsonb(repeat('x', 1000)), '2',
    pg_temp.id('a'), 0, n from generate_series(1, 3) as n;
select is(pg_temp.bytes('a'), gendurable._json_size(to_jsonb(repeat('x', 1000))),
    'children count for nothing in a step that joins none');
update gendurable.instances set joined = true where id = pg_temp.id('a');
select is(pg_temp.bytes('a'), gendurable._json_size(to_jsonb(repeat('x', 1000)))
    + 3 * (pg_temp.listed('c', to_jsonb(repeat('x', 1000))) + pg_temp.stored('1') + pg_temp.stored('2')),
    'those that a join hands out for all they carry');

select * from finish();
rollback;
