-- A ring for every key of a name. (Which workers it wakes: _ring.sql.)
begin;
select plan(1);

select gendurable._ring_name('concurrency_limit', 'k'), gendurable._ring_name('rate_limit', 'k') \g /dev/null
select results_eq('select kind::text, key from gendurable.doorbells order by 1', $$ values ('concurrency_limit', 'k' collate "C"), ('rate_limit', 'k') $$, 'the name is left for the next pick');

select * from finish();
rollback;
