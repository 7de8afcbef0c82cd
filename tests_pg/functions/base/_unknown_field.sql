-- Which field is unknown.
begin;
select plan(2);

select is(gendurable._unknown_field('{"z": 1, "b": 2, "a": 3}', '{a}'), 'unknown field b', 'the first by name');
select is(gendurable._unknown_field('{"a": 3}', '{a}'), null, 'none');

select * from finish();
rollback;
