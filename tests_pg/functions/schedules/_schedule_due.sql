-- _schedule_due: when the first schedule of a queue is due.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(8);

create function pg_temp.due(none_before timestamptz, unseen_from xid8 default null, unseen xid8[] default null,
    but text default null) returns text language sql as $$
    select coalesce((select o.schedule from gendurable.occurrences as o where o.due_at = d.due and d.due < 'infinity'),
        d.due::text)
    from (select gendurable._schedule_due('q', row(1, none_before, unseen_from, unseen)::gendurable.bound,
                                          array(select o.id from gendurable.occurrences as o where o.schedule = but))
                                          as due) as d
$$;
select is(pg_temp.due('-infinity'), 'infinity', 'none');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q'), gd_schedule('b', '@every 2 hours', 'm', queue => 'q'),
    gd_schedule('c', '@every 1 minute', 'm', queue => 'other') \g /dev/null
select is(pg_temp.due('-infinity'), 'a', 'the earliest');
select is(pg_temp.due('-infinity', but => 'a'), 'b', '… of the others');
select is(pg_temp.due(now() + interval '90 minutes'), 'b', '… from the bound on');
select is(pg_temp.due(now() + interval '90 minutes', pg_current_xact_id()), 'a', '… or written since');
select is(pg_temp.due(now() + interval '90 minutes', '9000000000', array[pg_current_xact_id()]), 'a',
    '… or by a transaction that could not be seen');
select is(pg_temp.due(now() + interval '90 minutes', '9000000000', '{3,4}'), 'b', '… not by another one');
select gd_pause_schedule('a'), gd_pause_schedule('b') \g /dev/null
select is(pg_temp.due('-infinity'), 'infinity', 'what is paused is never due');

select * from finish();
rollback;
