-- How much a pick hands out.
begin;
select plan(1);

select is(gendurable._most_bytes(), 64 * 1024 * 1024::bigint, '64 MB');

select * from finish();
rollback;
