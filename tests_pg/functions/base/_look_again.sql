-- gd_next_due, in the transaction of a pick that a lock was in the way of, lets the worker look again
-- in a moment. tests_pg/races/look_again.sql has the picks.
begin;
select plan(4);
select is(gd_next_due('q'), null, 'where nothing was in the way nothing is due');
savepoint before;
select is(gendurable._look_again(), false, 'it is false, to stand behind a lock');
select ok(gd_next_due('q') - clock_timestamp() between '0' and '50 ms', 'what was left behind may be had in a moment');
rollback to before;
select is(gd_next_due('q'), null, 'it ends with the transaction');
select * from finish();
rollback;
