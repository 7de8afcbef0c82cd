-- gd_unschedule: a schedule is dropped.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(8);

select is(gd_unschedule('a'), false, 'there is none');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q') \g /dev/null
select pg_temp.age('a', '1 hour') \g /dev/null
select is(pg_temp.pick(), 'm', 'it has fired');
select pg_temp.age('a', '1 hour') \g /dev/null
select is(gd_unschedule('a'), true, 'there was one');
select is_empty('select * from gd_schedules', 'it is gone');
select is(pg_temp.pick() || ' ' || pg_temp.status('m'), '- executing',
    'what was due is not fired, what was fired lives');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q') \g /dev/null
select is(pg_temp.counts('a'), '0 fired, 0 skipped', 'a new one of its name begins anew');
select is(pg_temp.refusal('select gd_unschedule(null)'), 'GD001 name is required', 'a name is required');
select matches(pg_temp.refusal($$ select gd_unschedule(repeat('x', 1001)) $$), '^GD002 name is longer',
    'one that can be');

select * from finish();
rollback;
