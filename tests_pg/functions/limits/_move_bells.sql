-- The bound of the runs of doorbells rises over what is closed. (Races: r/ doorbell_runs.)
begin;
select plan(10);

create function pg_temp.trail(p_xid text default '100', p_bound bigint default 3, p_runs bigint[] default '{}',
    p_ringing xid8[] default '{}') returns gendurable.limit_trails language sql as $$
    select row(1, p_xid, 'epoch', 'epoch', 'epoch', 'epoch', '{}', p_bound, p_runs, p_ringing)::gendurable.limit_trails
$$;
create function pg_temp.moved(p_trail gendurable.limit_trails, p_open xid8[], p_next xid8) returns text
    language sql as $$
    select concat_ws(' ', t.bound, t.runs, t.ringing) from gendurable._move_bells(p_trail, p_open, p_next) as t
$$;
select is(pg_temp.moved(pg_temp.trail(), '{}', '160'), '10 {} {}', 'to the next run');
select is(pg_temp.moved(pg_temp.trail(), '{150,155}', '160'), '9 {} {}',
    'not over a transaction that began after the latest trail');
select is(pg_temp.moved(pg_temp.trail(), '{60,155}', '160'), '9 {} {60}',
    'but over one that has been open for long, which is noted');
select is(pg_temp.moved(pg_temp.trail(p_ringing => '{10,20,60}'), '{20,60,70}', '160'), '10 {} {20,60,70}',
    'as long as it is open');
insert into gendurable.doorbells (kind, key, rung_by, run) values ('slot', 'a', '3', 0), ('tokens', 'b', '3', 2),
    ('slot', 'c', '3', 5), ('slot', 'd', '3', 10);
select is(pg_temp.moved(pg_temp.trail(), '{}', '160'), '10 {5} {}', 'a run with doorbells is listed');
select is(pg_temp.moved(pg_temp.trail(p_runs => '{2,4}'), '{}', '160'), '10 {2,5} {}', 'until there are none');
select is(pg_temp.moved(pg_temp.trail(p_ringing => '{10}'), '{}', '160'), '10 {0,5} {}',
    'also the run of one that has ended');
select is(pg_temp.moved(pg_temp.trail(p_bound => 20), '{}', '160'), '20 {} {}', 'the bound never falls');

-- Many runs.
insert into gendurable.doorbells (kind, key, rung_by, run) select 'slot', 'k' || n, '3',
    100 + n from generate_series(1, 40) as n;
select is((select format('%s %s', t.bound, cardinality(t.runs))
    from gendurable._move_bells(pg_temp.trail(p_bound => 20), '{}', '16000') as t), '132 31',
    'no more than some thirty runs are listed: the bound goes no further');
select gendurable._move_bells(pg_temp.trail(p_bound => 132, p_runs => array(select generate_series(101, 131))), '{}',
    '16000') \g /dev/null
select is((select count(*)::int from gendurable.doorbells as d where d.run = gendurable._run(pg_current_xact_id())), 40,
    'what has stayed for long is gathered in a new run');

select * from finish();
rollback;
