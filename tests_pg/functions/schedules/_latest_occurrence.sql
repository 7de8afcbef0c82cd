-- _latest_occurrence: the latest up to a moment.
begin;
\ir ../prelude.psql
\ir prelude.psql
set local timezone = 'UTC';
select plan(8);

create function pg_temp.latest(cron text, first timestamptz, until timestamptz) returns timestamptz language sql as $$
    select gendurable._latest_occurrence(pg_temp.plan(cron), 'Europe/Berlin', first, until)
$$;
select is(pg_temp.latest('* * * * *', '2026-01-01 00:01Z', '2026-01-01 00:01:59Z'), '2026-01-01 00:01Z',
    'the first one, if none is later');
select is(pg_temp.latest('* * * * *', '2026-01-01 00:01Z', '2026-01-01 00:02Z'), '2026-01-01 00:02Z',
    'one at the very moment');
select is(pg_temp.latest('0 3 * * *', '2016-01-01 02:00Z', '2026-01-01 01:59Z'), '2025-12-31 02:00Z',
    'after ten years');
select is(pg_temp.latest('0 3 1 1 *', '2016-01-01 02:00Z', '2026-12-01'), '2026-01-01 02:00Z',
    'long before the moment');
select is(pg_temp.latest('@every 1 second', '2026-01-01 00:00:00.25Z', '2026-03-01'), '2026-02-28 23:59:59.25Z',
    '@every');
select is(pg_temp.latest('@every 0.7 hours', '2026-01-01', '2026-01-02'), '2026-01-01 23:48Z',
    '… from the first one on');
select is(pg_temp.latest('@every 1 day', '2026-03-01 11:00Z', '2026-04-01'), '2026-03-31 10:00Z', '… by the calendar');
select is((select count(*) from generate_series(0, 5000, 7) as n,
    (values (timestamptz '2026-03-28 00:05Z')) as f (first)
           where pg_temp.latest('5,20 */3 * * *', f.first, f.first + n * interval '1 minute')
               <> (select max(m) from generate_series(f.first, f.first + n * interval '1 minute', interval '1 minute')
                   as m
                   where extract(minute from m) in (5, 20)
                       and extract(hour from m at time zone 'Europe/Berlin')::int % 3 = 0 or m = f.first)),
    0::bigint, 'as a walk through all minutes finds it');

select * from finish();
rollback;
