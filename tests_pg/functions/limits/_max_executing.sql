-- How many instances of a key may execute, by what is set.
begin;
select plan(3);

select is(gendurable._max_executing(null), 1, 'one where nothing is set');
select is(gendurable._max_executing(7), 7, 'else what is set');
select is(gendurable._max_executing(0), 0, 'also none');

select * from finish();
rollback;
