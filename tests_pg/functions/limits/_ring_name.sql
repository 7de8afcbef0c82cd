-- A ring for every key of a name. (Whom it wakes: _ring.sql.)
begin;
select plan(1);

select gendurable._ring_name('k') \g /dev/null
select results_eq('select kind::text, key from gendurable.doorbells', $$ values ('limit', 'k' collate "C") $$, 'the name is left for the next pick');

select * from finish();
rollback;
