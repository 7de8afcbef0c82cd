-- Failed instances of a table of the archive live again.
begin;
\ir ../prelude.psql
select plan(5);
create function pg_temp.fail(fsm text, more jsonb default '{}') returns text language sql as $$
    select pg_temp.put(fsm, more)::text || pg_temp.pick(1) || pg_temp.commit(fsm, 'stop', '{"error": {"n": 1}}') $$;
select gd_set_rate_limit('r', 9, '1 s'), pg_temp.fail('a'), pg_temp.fail('k', '{"concurrency_key": "k"}'),
    pg_temp.fail('r', '{"rate_limit": "r", "weight": 2}'), pg_temp.fail('stays') \g /dev/null
insert into gendurable.kept select * from gendurable.finished as f where f.fsm = 'k';
delete from gendurable.finished where fsm = 'k';
delete from gendurable.doorbells;
select gendurable._bring_back('gendurable.finished_default', array[pg_temp.id('a'), pg_temp.id('r')]),
    gendurable._bring_back('gendurable.kept', array[pg_temp.id('k')]) \g /dev/null
select results_eq($$ select i.fsm, i.phase::text, i.step, i.last_error, i.rate_limit,
    i.weight from gendurable.instances as i order by i.fsm $$,
    $$ values ('a', 'ready', 'start', '{"n": 1}'::jsonb, null, null), ('k', 'held', 'start', '{"n": 1}', null, null),
        ('r', 'throttled', 'start', '{"n": 1}', 'r', 2::float8) $$,
    'each as it was, with its error; what has a key or a rate limit waits');
select is((select string_agg(a.fsm, ' ') from gendurable.archive as a), 'stays', 'they have left the archive');
select is((select string_agg(d.kind || ' ' || d.key, ', ' order by d.kind) from gendurable.doorbells as d),
    'slot k, tokens r', 'their keys are rung for');
select is((select string_agg(h.instance_id::text, ' ' order by h.instance_id) from gendurable.history as h
    where h.event = 'revived'), concat_ws(' ', pg_temp.id('a'), pg_temp.id('k'), pg_temp.id('r')),
    'it is noted of each');
select gendurable._bring_back('gendurable.finished_default', array[pg_temp.id('stays')], 'other',
    '{"n": 2}') \g /dev/null
select results_eq($$ select i.step, i.state from gendurable.instances as i where i.fsm = 'stays' $$, $$
    values ('other', '{"n": 2}'::jsonb) $$, 'to another step, with another state');

select * from finish();
rollback;
