-- _unseen_occurrences: what the writer of a bound could not see.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(5);

create function pg_temp.unseen(unseen_from xid8, unseen xid8[]) returns text language sql as $$
    select coalesce(string_agg(o.schedule, ' ' order by o.id), '-')
    from gendurable._unseen_occurrences('q', row(1, now(), unseen_from, unseen)::gendurable.bound) as u
    join gendurable.occurrences as o on o.id = u.id and o.due_at = u.due_at
$$;
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q'), gd_schedule('b', '@every 1 hour', 'm', queue => 'q'),
    gd_schedule('c', '@every 1 hour', 'm', queue => 'other') \g /dev/null
update gendurable.occurrences set written_by = '7' where schedule = 'a';
update gendurable.occurrences set written_by = '9' where schedule = 'b';
select is(pg_temp.unseen('10', '{}'), '-', 'nothing');
select is(pg_temp.unseen('9', '{}'), 'b', 'what was written later');
select is(pg_temp.unseen('10', '{3,7}'), 'a', 'what an open transaction wrote');
select is(pg_temp.unseen('8', '{7}'), 'a b', 'both, of this queue');
select is(pg_temp.unseen(null, null), '-', 'nothing where nothing is known');

select * from finish();
rollback;
