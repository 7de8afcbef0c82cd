-- The fence is as high as the highest cap.
begin;
select plan(8);
create function pg_temp.fence() returns timestamptz language sql as $$ select (gendurable._enter_ready()).fence $$;
select ok(gendurable._raise_fence('2026-01-01 00:00:00.000001Z'), 'it is raised');
select ok((gendurable._enter_ready()).fence between '2026-01-01 00:00:00.000001Z' and '2026-01-01 00:00:00.000003Z',
    'to the place, or a little higher');
select ok(gendurable._raise_fence('2025-01-01'), 'what is lower is done');
select ok(pg_temp.fence() > '2025-12-31', 'it never falls');
select ok(gendurable._raise_fence('-infinity') and gendurable._raise_fence(null), 'even the beginning of time');
-- Another transaction is raising it.
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', 'select pg_advisory_xact_lock(26472, 0)') \g /dev/null
select ok(not gendurable._raise_fence('2026-06-01'), 'it does not wait for another one');
select test.exec('other', 'rollback') \g /dev/null
select ok(gendurable._raise_fence('2026-06-01'), 'and is raised later');
select is(test.query('other', 'select pg_try_advisory_lock(26472, 0) as free') -> 0 ->> 'free', 'true',
    'the lock is let go of at once');
select * from finish();
rollback;
