-- A ring for every key of a name. (Whom it wakes: _ring.sql.)
begin;
select plan(1);

select gendurable._ring_name('k') \g /dev/null
select results_eq('select key, is_name from gendurable.handovers', $$ values ('k' collate "C", true) $$, 'the name is left for the next pick');

select * from finish();
rollback;
