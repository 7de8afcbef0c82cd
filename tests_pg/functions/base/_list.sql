-- A list of texts as messages show it.
begin;
select plan(3);

select is(gendurable._list('{a,b}'), 'a, b', 'items are set apart by commas');
select is(gendurable._list(array['a', null]), 'a, null', 'a null is shown');
select is(gendurable._list('{}'), '', 'an empty list is empty');

select * from finish();
rollback;
