-- What a worker can run is noted, and the versions beyond its life.
begin;
select plan(10);

create function pg_temp.versions() returns text language sql as $$
    select string_agg(format('%s %s', v.fsm, v.version), ', ' order by v.fsm, v.version) from gendurable.versions as v
    $$;
select gendurable._declare(7,
    '[{"fsm": "m", "version": 2, "steps": ["a", "null", "c"], "more": 1}, {"fsm": "m", "version": 1}, {"fsm": "n", '
    '"version": -5, "steps": []}, {"fsm": "n", "version": -6, "steps": null}]') \g /dev/null
select results_eq($$ select worker_id, fsm, version, steps from gendurable.machines order by fsm, version $$,
    $$ values (7::bigint, 'm', 1, null::text[]), (7, 'm', 2, '{a,"null",c}'), (7, 'n', -6, null), (7, 'n', -5, '{}') $$,
    'each machine with its steps; without them all, with [] none');
select is(pg_temp.versions(), 'm 1, m 2, n -6, n -5', 'each version of a machine is remembered');

select gendurable._declare(8, '[{"fsm": "m", "version": 2}, {"fsm": "n", "version": -7}]') \g /dev/null
select is(pg_temp.versions(), 'm 1, m 2, n -7, n -6, n -5', 'what is known already is written by none');
select is((select count(*)::int from gendurable.machines where worker_id = 8), 2, 'but declared');
select gendurable._declare(9, '[{"fsm": "m", "version": 3}, {"fsm": "m", "version": 4}, {"fsm": "o", "version": 1}]')
    \g /dev/null
select is(pg_temp.versions(), 'm 1, m 2, m 3, m 4, n -7, n -6, n -5, o 1', 'a new one is added');
delete from gendurable.machines;
select is(pg_temp.versions(), 'm 1, m 2, m 3, m 4, n -7, n -6, n -5, o 1', 'and outlives those that declared it');

select gendurable._declare(10, '[]') \g /dev/null
select is((select count(*)::int from gendurable.machines), 0, 'nothing is nothing');
select is(pg_temp.versions(), 'm 1, m 2, m 3, m 4, n -7, n -6, n -5, o 1', 'and nothing new');

-- Many machines, each in a descent of its own.
select gendurable._declare(11,
    (select jsonb_agg(jsonb_build_object('fsm', 'many' || n, 'version', n)) from generate_series(1, 1000) as n))
    \g /dev/null
select is((select count(*)::int from gendurable.versions where fsm = 'many' || version), 1000, 'a thousand machines');
select gendurable._declare(11, '[{"fsm": "many1", "version": 1, "steps": ["a"]}]') \g /dev/null
select is((select steps from gendurable.machines where worker_id = 11 and fsm = 'many1'), null,
    'what was said before stays');

select * from finish();
rollback;
