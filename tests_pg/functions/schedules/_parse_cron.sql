-- _parse_cron: five fields, a name, or @every. tests_py/test_cron.py has what is refused.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(15);

create function pg_temp.problem(cron text) returns text language sql as $$
    select p.problem from gendurable._parse_cron(cron) as p $$;
select is(pg_temp.plan(e'  0\t3 * *  mon '), pg_temp.plan('0 3 * * 1'), 'any white space separates fields');
select is(pg_temp.plan('@Daily'), pg_temp.plan('0 0 * * *'), 'a name stands for fields');
select is((pg_temp.plan('* * * * 0')).weekdays, (pg_temp.plan('* * * * 7')).weekdays, 'Sunday is 0 and 7');
select is((pg_temp.plan('* * * * 7')).weekdays, 129::bigint, '… both');
select is((pg_temp.plan('* * 1 * mon')).both_days, false, 'two restricted fields of days: either');
select is((pg_temp.plan('* * */2 * mon')).both_days, true, 'one that begins with a star: both');
select is((pg_temp.plan('0 3 * * *')).at_times, true, 'times of the day');
select is((pg_temp.plan('*/5 3 * * *')).at_times, false, '… are no longer such with a star');
select is((pg_temp.plan('@every 90 seconds')).every, '90 seconds'::interval, '@every takes an interval');
select is((pg_temp.plan('@EVERY 1 day 2 hours')).every, '1 day 2 hours'::interval, '… of several words');
select is(pg_temp.problem('@every 1 second'), null, '… of a second or more');
select matches(pg_temp.problem('@every 999 ms'), '^@every takes one second or more', '… not less');
select is(pg_temp.problem('@every soon'), '''soon'' is no interval', '… that is one');
select matches(pg_temp.problem('@fortnightly'), 'is none of @hourly', 'other names are none');
select is(pg_temp.problem('* * *'), '3 fields instead of minute hour day-of-month month day-of-week',
    'five fields, no less');

select * from finish();
rollback;
