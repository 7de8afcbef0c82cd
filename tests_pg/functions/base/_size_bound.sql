-- What the size of a stored value cannot exceed.
begin;
select plan(4);

create temp table value (value jsonb);
select is(gendurable._size_bound(null), 0::bigint, 'nothing takes nothing');
select is(gendurable._size_bound('"abc"'), 6 * pg_column_size('"abc"'::jsonb)::bigint,
    'a text has up to six times the bytes');
insert into value values (to_jsonb(repeat(e'\x01', 1000000)));
select cmp_ok((select gendurable._size_bound(v.value) from value as v), '>=', 6000002::bigint,
    'and up to 255 times that where it is compressed');
update value set value = ('[' || repeat('1e131071,', 199) || '1]')::jsonb;
select cmp_ok((select gendurable._size_bound(v.value) from value as v), '>=',
    (select gendurable._json_size(v.value) from value as v), 'and 8192 times, if they are numbers of many digits');

select * from finish();
rollback;
