-- _turn_over: what is to stand, and when a schedule of the queue may be due.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(7);

select gd_schedule('a', '@every 1 hour', 'm', queue => 'q'),
    gd_schedule('b', '@every 2 hours', 'm', queue => 'q') \g /dev/null
create function pg_temp.turn_over(name text, due_at timestamptz) returns void language plpgsql as $$
declare
    v_row gendurable.occurrences := pg_temp.standing(name);
begin
    v_row.due_at := due_at;
    v_row.fired := 5;
    perform gendurable._turn_over('q', gendurable._due_bound('q'), array[v_row], array[v_row.id]);
end
$$;
select id as a from pg_temp.standing('a') \gset
select pg_temp.turn_over('a', now() + interval '90 minutes') \g /dev/null
select is((select count(*) from gendurable.occurrences), 2::bigint, 'one row for each schedule');
select isnt((pg_temp.standing('a')).id, :a::bigint, 'a new one');
select is((pg_temp.standing('a')).fired, 5::bigint, '… that says what it was told');
select is((gendurable._due_bound('q')).none_before, now() + interval '90 minutes', 'none is due before');
select pg_temp.turn_over('a', 'infinity') \g /dev/null
select is((gendurable._due_bound('q')).none_before, (pg_temp.standing('b')).due_at, '… of the others neither');
select pg_temp.turn_over('b', 'infinity') \g /dev/null
select is((gendurable._due_bound('q')).none_before, 'infinity', 'none is due at all');
select is((gendurable._due_bound('q')).unseen_from, pg_snapshot_xmax(pg_current_snapshot()),
    'later transactions are not seen');

select * from finish();
rollback;
