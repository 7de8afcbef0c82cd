-- _due_bound: what is known of when schedules of a queue are due.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(8);

select is((gendurable._due_bound('q')).id, null, 'nothing where there is no schedule');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q') \g /dev/null
select is((gendurable._due_bound('q')).none_before, (pg_temp.standing('a')).next_at, 'the next occurrence');
select pg_snapshot_xmin(pg_current_snapshot()) as seen_before \gset
select gd_schedule('b', '@every 2 hours', 'm', queue => 'q'),
    gd_schedule('c', '@every 1 minute', 'm', queue => 'other') \g /dev/null
select is((gendurable._due_bound('q')).none_before, (pg_temp.standing('a')).next_at, '… the earliest, of this queue');
select is((gendurable._due_bound('q')).id, (pg_temp.standing('b')).id, 'the newest row says it');
select cmp_ok((gendurable._due_bound('q')).unseen_from, '>=', :'seen_before',
    'what later transactions write is not known');

-- As after a restored dump: a row by another transaction than it says.
update gendurable.occurrences set written_by = '3' where schedule = 'b';
select is((gendurable._due_bound('q')).none_before, '-infinity', 'nothing is known of what was not written here');
select is((gendurable._due_bound('q')).unseen_from, null, '… whatever it says of transactions');
select is((gendurable._due_bound('q')).id, (pg_temp.standing('b')).id, '… but that there are schedules');

select * from finish();
rollback;
