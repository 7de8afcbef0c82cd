-- How much a worker holds.
begin;
select plan(3);

select gd_register('w') as w, gd_register('other') as other \gset
select gd_enqueue('m'), gd_enqueue('m'), gd_enqueue('m') \g /dev/null
select count(*) from gd_pick(:w, $$default$$, 2) \g /dev/null
select is(gendurable._executing(:w), 2::bigint, 'its claims');
select is(gendurable._executing(:other), 0::bigint, 'and no others');
select is(gendurable._executing(-1), 0::bigint, 'an unknown worker holds nothing');

select * from finish();
rollback;
