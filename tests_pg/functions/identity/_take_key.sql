-- Occupation of a correlation key.
begin;
select plan(5);

select is(gendurable._take_key('k', 7), 7::bigint, 'the first one has the key');
select is(gendurable._take_key('k', 8), 7::bigint, 'a later one is told which has it');
select is(gendurable._take_key('K', 8), 8::bigint, 'another key is another key');
select results_eq($$ select key collate "default", instance_id from gendurable.correlation_keys order by instance_id $$,
    $$ values ('k', 7::bigint), ('K', 8) $$, 'one occupant for each key');
delete from gendurable.correlation_keys where key = 'k';
select is(gendurable._take_key('k', 9), 9::bigint, 'a key that was freed can be had');

select * from finish();
rollback;
