-- gd_declare: a worker learns to run more machines.
begin;
select plan(10);

create function pg_temp.picked(p_worker bigint) returns bigint language sql as $$
    select count(*) from gd_pick(p_worker, 'default', 10) $$;
select gd_register('me', info => '{"machines": [{"fsm": "a", "version": 1}]}') as me, gd_register('all') as all \gset
select gd_enqueue('b', step => s) from unnest('{start,other}'::text[]) as s \g /dev/null
select is(pg_temp.picked(:me), 0::bigint, 'what it does not declare is not handed out');
select gd_declare(:me, '[{"fsm": "b", "version": 1, "steps": ["start"]}]') \g /dev/null
select is(pg_temp.picked(:me), 1::bigint, 'what it has added is');
select gd_declare(:me, '[{"fsm": "b", "version": 1}]') \g /dev/null
select is(pg_temp.picked(:me), 0::bigint, 'what it has said before stays');
select results_eq(format('select fsm, steps from gendurable.machines where worker_id = %s order by fsm', :me), $$
    values ('a', null::text[]), ('b', '{start}') $$, 'of all machines');
select gd_set_rate_limit('r', 1, '1 hour') \g /dev/null
delete from gendurable.doorbells;
select gd_declare(:me, '[{"fsm": "c", "version": 1}]') \g /dev/null
select is((select count(*)::int from gendurable.doorbells where kind = 'rate_limit'), 1,
    'the lines for tokens are looked at: more can start');
select gd_declare(:me, '[{"fsm": "b", "version": 7}]') \g /dev/null
select is(gendurable._newest_version('b'), 7, 'a newer version is the newest');

select gd_declare(:all, '[{"fsm": "a", "version": 1}]') \g /dev/null
select is((select count(*)::int from gendurable.machines where worker_id = :all), 0,
    'a worker that can run everything still can');
select throws_ok($$ select gd_declare(0, '[]') $$, 'GD010', null, 'a worker that is gone registers anew');
select throws_ok(format('select gd_declare(%s, %L)', :me, '[{"fsm": "a"}]'), 'GD002', null, 'a machine has a version');
select throws_ok(format('select gd_declare(%s, null)', :me), 'GD002', null, 'null is no list of machines');

select * from finish();
rollback;
