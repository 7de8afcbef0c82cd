-- _cron_field: the numbers that a field allows. tests_py/test_cron.py has thousands.
begin;
select plan(12);

create function pg_temp.numbers(field text, value text) returns text language sql as $$
    select coalesce(c.problem,
        (select string_agg(n::text, ' ' order by n) from generate_series(0, 62) as n where c.bits >> n & 1 = 1))
    from gendurable._cron_field(field, value) as c
$$;
select is(pg_temp.numbers('minute', '5'), '5', 'a number');
select is(pg_temp.numbers('hour', '*/8'), '0 8 16', 'a step of a star');
select is(pg_temp.numbers('minute', '50/4'), '50 54 58', 'a step of a number goes on to the end');
select is(pg_temp.numbers('day-of-month', '1-9/3,31'), '1 4 7 31', 'a list of a range with a step and a number');
select is(pg_temp.numbers('month', 'Jan-mar'), '1 2 3', 'names, in any case');
select is(pg_temp.numbers('day-of-week', 'sat,7'), '6 7', '7 is a day, too');
select is(pg_temp.numbers('minute', '59'), '59', 'the last number has a bit');
select is(pg_temp.numbers('month', '0'), 'month: ''0'' is not within 1-12', 'out of range');
select is(pg_temp.numbers('minute', '5-3'), 'minute: ''5-3'' ends before it begins', 'a range the wrong way round');
select is(pg_temp.numbers('minute', '*/0'), 'minute: ''*/0'' has a step of 0', 'no step');
select is(pg_temp.numbers('hour', '1,,2'), 'hour: '''' is no number, range, step or name', 'nothing');
select is(pg_temp.numbers('minute', '*-5'), 'minute: ''*-5'' is no number, range, step or name', 'a range of a star');

select * from finish();
rollback;
