-- Which open transactions may have put an instance into a line at a place or later.
begin;
\ir prelude.psql
select plan(7);
create function pg_temp.late(minute float8, open xid8[] default '{10,20,30,40}') returns text language sql as $$
    select gendurable._late_comers(pg_temp.trail(xid => '35', at => pg_temp.at(3),
        moments => array[row(pg_temp.at(1), '15'), row(pg_temp.at(2), '25')]::gendurable.moment[]),
                                   open, coalesce(pg_temp.at(minute), '-infinity'))::text
$$;
select is(pg_temp.late(null), '{10,20,30,40}', 'all, where nothing is known');
select is(pg_temp.late(1), '{10,20,30,40}', 'one that began at the place or before');
select is(pg_temp.late(1.5), '{20,30,40}', 'none that began long before');
select is(pg_temp.late(2.5), '{30,40}', 'the latest moment before the place says so');
select is(pg_temp.late(9), '{40}', 'that of the trail itself, at last');
select is(pg_temp.late(2.01), '{20,30,40}', 'a second is allowed for the clock');
select is(pg_temp.late(9, '{}'), '{}', 'of none, none');
select * from finish();
rollback;
