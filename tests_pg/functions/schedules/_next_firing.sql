-- _next_firing: when a pick may next fire a schedule.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(9);

select is(gendurable._next_firing('q'), null, 'nothing is scheduled');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q') as next \gset
select is(gendurable._next_firing('q'), :'next', 'the next occurrence');
select is(gd_next_due('q'), :'next', 'gd_next_due counts it');
select pg_temp.age('a', '1 hour') \g /dev/null
update gendurable.occurrences set due_at = now() - interval '50 ms';
select is(gendurable._next_firing('q') - now(), '-50 ms', 'one that is due is for the next pick');
select gd_pause('q') \g /dev/null
select is(gendurable._next_firing('q') - now(), '100 ms', '… not for one of a paused queue');
select gd_resume('q'), gd_set_queue_limit('q', 0) \g /dev/null
select is(gendurable._next_firing('q') - now(), '100 ms', '… nor of a stopped one');
select gd_set_queue_limit('q', null) \g /dev/null
update gendurable.occurrences set due_at = now() - interval '1 second';
select is(gendurable._next_firing('q') - now(), '100 ms', 'one that no pick could fire is due again in 100 ms');
select gd_pause_schedule('a') \g /dev/null
select is(gendurable._next_firing('q'), null, 'a paused one is not due');
select gd_unschedule('a') \g /dev/null
select is(gendurable._next_firing('q'), null, 'one that was dropped neither');

select * from finish();
rollback;
