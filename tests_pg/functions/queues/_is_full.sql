-- Whether all places of a queue are taken.
begin;
\ir ../prelude.psql
select plan(6);

select is(gendurable._is_full('q'), false, 'a queue without a limit is never full');
select gd_set_queue_limit('q', 0) \g /dev/null
select is(gendurable._is_full('q'), true, 'one with a limit of 0 always is');
select gd_set_queue_limit('q', 2), pg_temp.put('1'), pg_temp.put('2') \g /dev/null
select pg_temp.pick() \g /dev/null
select is(gendurable._is_full('q'), false, 'a place is free');
select pg_temp.pick() \g /dev/null
select is(gendurable._is_full('q'), true, 'none is');
select pg_temp.commit('1', 'done') \g /dev/null
select is(gendurable._is_full('q'), false, 'one has ended');
select gd_set_queue_limit('q', 1) \g /dev/null
select is(gendurable._is_full('q'), false, 'what a pick has noted under another limit does not count');

select * from finish();
rollback;
