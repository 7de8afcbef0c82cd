-- What the stored retention means now.
begin;
select plan(6);

create function pg_temp.kept() returns text language sql as $$
    select concat_ws(' / ', now() - nullif(c.finished, '-infinity'), now() - nullif(c.failed, '-infinity'),
        c.finished = '-infinity') from gendurable._cutoffs() as c $$;
select is(pg_temp.kept(), '1 day / 1 day / f', 'one day, where none is stored');
select gd_set_retention('90 minutes') \g /dev/null
select is(pg_temp.kept(), '01:30:00 / 01:30:00 / f', 'what is stored, failed ones as long');
select gd_set_retention('1 hour', '2 days') \g /dev/null
select is(pg_temp.kept(), '01:00:00 / 2 days / f', 'failed ones longer');
select gd_set_retention('0') \g /dev/null
select is(pg_temp.kept(), '00:00:00 / 00:00:00 / f', 'zero is allowed');
select gd_set_retention(null) \g /dev/null
select is(pg_temp.kept(), 't', 'for ever');
set local gendurable.retention = '0';
select is(pg_temp.kept(), 't', 'a setting of the session does not matter');

select * from finish();
rollback;
