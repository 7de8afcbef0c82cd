-- _next_occurrence: the first moment after another one. tests_py/test_cron.py compares thousands.
begin;
\ir ../prelude.psql
\ir prelude.psql
set local timezone = 'UTC';
select plan(19);

create function pg_temp.next(cron text, zone text, after timestamptz) returns timestamptz language sql as $$
    select gendurable._next_occurrence(pg_temp.plan(cron), zone, after)
$$;
select is(pg_temp.next('* * * * *', 'UTC', '2026-01-01 00:00:59.999Z'), '2026-01-01 00:01Z', 'the next minute');
select is(pg_temp.next('* * * * *', 'UTC', '2026-01-01 00:01Z'), '2026-01-01 00:02Z', 'after, not at');
select is(pg_temp.next('0 3 * * mon', 'Europe/Berlin', '2026-01-01'), '2026-01-05 02:00Z', 'by the clocks of the zone');
select is(pg_temp.next('0 0 13 * fri', 'UTC', '2026-01-01'), '2026-01-02', 'either day');
select is(pg_temp.next('0 0 13 * */5', 'UTC', '2026-01-01'), '2026-02-13', 'both days: it is a Friday or a Sunday');
select is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00Z'), '2026-03-29 01:00Z',
    'a time that the clocks skip comes after the gap');
select is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00Z'), '2026-03-30 00:30Z', '… once');
select is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00Z'), '2026-10-25 00:30Z',
    'one that they show twice comes the first time');
select is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30Z'), '2026-10-26 01:30Z', '… once');
select is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-10-25 01:15Z'), '2026-10-26 01:30Z',
    '… also asked between the two');
select is(pg_temp.next('30 * * * *', 'Europe/Berlin', '2026-10-25 00:30Z'), '2026-10-25 01:30Z',
    'every hour is every hour');
select is(pg_temp.next('* * * * sun', 'America/St_Johns', '2002-10-27 02:30Z'), '2002-10-27 03:30Z',
    'a day may begin twice');
select is(extract(hour from pg_temp.next('* 5 * * *', 'Australia/Lord_Howe',
    '2026-04-04 15:05Z') at time zone 'Australia/Lord_Howe'), 5::numeric, 'a change of half an hour');
select is(pg_temp.next('0 0 29 2 *', 'UTC', '2096-03-01'), '2104-02-29', 'eight years');
select is(pg_temp.next('0 0 31 2 *', 'UTC', '2026-01-01'), null, 'a date that never comes');
select is(pg_temp.next('0 0 29 2 */7', 'UTC', '2032-03-01'), null, 'or not within ten years');
select is(pg_temp.next('@every 1.5 seconds', 'UTC', '2026-01-01'), '2026-01-01 00:00:01.5Z', '@every');
select is(pg_temp.next('@every 11 years', 'UTC', '2026-01-01'), null, '… not within ten years');
select is(coalesce(pg_temp.next('* * * * *', 'UTC', 'infinity'), pg_temp.next('@every 1 s', 'UTC', '-infinity')), null,
    'nothing comes after the end of time, or long before its beginning');

select * from finish();
rollback;
