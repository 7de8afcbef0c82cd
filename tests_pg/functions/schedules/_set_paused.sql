-- _set_paused: the pause of a schedule.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(7);

select is(gendurable._set_paused('a', true), false, 'there is none');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q') as next \gset
select is(gendurable._set_paused('a', true), true, 'there is one');
select is((pg_temp.standing('a')).due_at, 'infinity', 'it is not due');
select is((pg_temp.standing('a')).next_at, :'next', '… but known what would be');
select id as before from pg_temp.standing('a') \gset
select gendurable._set_paused('a', true) \g /dev/null
select is((pg_temp.standing('a')).id, :before::bigint, 'twice is once');
select is(gendurable._set_paused('a', false), true, 'until it goes on');
select is((pg_temp.standing('a')).due_at, :'next', 'it is due as before');

select * from finish();
rollback;
