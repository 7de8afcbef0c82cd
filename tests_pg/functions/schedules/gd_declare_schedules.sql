-- gd_declare_schedules: what a worker declares when it starts.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(13);

create function pg_temp.declare(variadic entries jsonb[]) returns text language sql as $$
    select string_agg(d.name || ' ' || d.result, ', ' order by d.n)
        from (select x.*, row_number() over () as n from gd_declare_schedules(to_jsonb(entries)) as x) as d
$$;
select is(pg_temp.declare('{"name": "b", "cron": "@daily", "fsm": "m", "version": 2}',
    '{"name": "a", "cron": "@hourly", "fsm": "m", "version": 2, "priority": 3}'), 'a created, b created', 'by name');
select is((select string_agg(concat_ws(' ', name, cron, priority, fsm_version), ', ' order by name) from gd_schedules),
    'a @hourly 3, b @daily 0', 'with the defaults of gd_schedule');
select is(pg_temp.declare('{"name": "a", "cron": "@hourly", "fsm": "m", "version": 2, "priority": 3}'), 'a unchanged',
    'again is nothing');
select is(pg_temp.declare('{"name": "a", "cron": "@daily", "fsm": "m", "version": 1}'), 'a older',
    'an older version does not win');
select is(pg_temp.declare('{"name": "a", "cron": "@daily", "fsm": "m", "version": 3}'), 'a changed',
    'a newer one does');
select is((select count(*) from gd_schedules), 2::bigint, 'what is not declared any more stays');
select is_empty($$ select * from gd_declare_schedules('[]') $$, 'none is none');
select is(pg_temp.refusal($$ select gd_declare_schedules('{}') $$), 'GD002 entries is no JSON array', 'an array');
select is(pg_temp.refusal($$
    select gd_declare_schedules('[{"name": "x", "cron": "@daily", "fsm": "m"}, {"nmae": "x"}]') $$),
    'GD003 ord 2: unknown field nmae', 'of objects with known fields');
select is(pg_temp.refusal($$
    select gd_declare_schedules('[{"name": "x", "cron": "@daily", "fsm": "m", "priority": "high"}]') $$),
    'GD003 ord 1: priority: expected an integer of 32 bits, got "high"', '… and their types');
select is(pg_temp.refusal($$
    select gd_declare_schedules(
        '[{"name": "x", "cron": "@daily", "fsm": "m"}, {"name": "y", "cron": "@dialy", "fsm": "m"}]')
    $$) ~ '^GD002 cron ''@dialy''', true, '… that can be');
select is((select count(*) from gd_schedules), 2::bigint, 'all or nothing');

select setval('gendurable.partitions', 1::bigint << ((gendurable._partition('schedule:here') + 1) % 64));
select is(array_agg(d.result), '{elsewhere}', 'what another database fires is left to it')
from gd_declare_schedules('[{"name": "here", "cron": "@daily", "fsm": "m"}]') as d;

select * from finish();
rollback;
